"""A query as the ``lines-1`` model writes it: one spelling for each meaning.

Tables stand under their own names, columns are bare where one table is in scope and qualified
where there are several, results have no aliases, and a join's condition is written from the
referring column to the one that it refers to, as in the schema's ``->``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.generators.sqlite import SQLiteGenerator

from squill.errors import SchemaError
from squill.prompt.lines.rendering import DIALECT, references
from squill.quoting import identifier

if TYPE_CHECKING:
    from squill.schema import Schema, Table


_Origins = dict[int, "tuple[Table | None, str]"]
"""By the identity of a column's node: the table that it is of and its name."""


def to_target(sql: str, schema: Schema, *, read: str, spelled: Schema | None = None) -> str:
    """``sql`` (dialect ``read``) in the model's spelling, on one line.

    ``spelled`` is ``schema`` under other names, table by table and column by column; the result
    is written with these.

    Raises:
        SchemaError: it does not parse, is no query, or names what the schema lacks.
    """
    try:
        tree = sqlglot.parse_one(sql, dialect=read)
    except (SqlglotError, RecursionError, ValueError) as error:
        raise SchemaError(f"The statement does not parse: {error}") from error
    if not isinstance(tree, exp.Query) or not tree.selects:
        raise SchemaError("Only queries can be written in this form.")
    _Spelling(tree, schema, spelled or schema).apply()
    return generate(tree)


class _Generator(SQLiteGenerator):
    """Writes negations as people do: ``IS NOT NULL``, ``NOT IN``, ``NOT LIKE``."""

    def not_sql(self, expression: exp.Not) -> str:
        inner = expression.this
        if isinstance(inner, exp.Is):
            return f"{self.sql(inner, 'this')} IS NOT {self.sql(inner, 'expression')}"
        if isinstance(inner, exp.In | exp.Like | exp.Between):
            return f"{self.sql(inner, 'this')} NOT {self._without_subject(inner)}"
        return super().not_sql(expression)

    def _without_subject(self, condition: exp.Expr) -> str:
        subject = self.sql(condition, "this")
        return self.sql(condition).removeprefix(subject).lstrip()


def generate(tree: exp.Expr) -> str:
    """A tree in the model's dialect, on one line."""
    return _Generator(dialect=DIALECT, comments=False).generate(tree)


@dataclass(eq=False)
class _Source:
    """One item of a FROM clause; ``table`` is None for a derived table or a CTE."""

    node: exp.Expression
    table: Table | None
    name: str = ""


@dataclass(eq=False)
class _Select:
    """One SELECT: its sources by the name that its columns use, in lower case."""

    node: exp.Select
    parent: _Select | None
    sources: dict[str, _Source] = field(default_factory=dict)
    outputs: dict[str, exp.Expression] = field(default_factory=dict)
    correlated: bool = False


class _Spelling:
    """Respells one tree in place."""

    def __init__(self, tree: exp.Query, schema: Schema, spelled: Schema) -> None:
        self._tree = tree
        self._schema = schema
        self._spelled = {
            id(table): written for table, written in zip(schema.tables, spelled.tables, strict=True)
        }
        self._derived = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
        self._selects: dict[int, _Select] = {}
        for node in tree.find_all(exp.Select):
            self._selects[id(node)] = self._read(node)

    def apply(self) -> None:
        for select in self._selects.values():
            self._write_out_outputs(select)
        found = [(c, *self._resolve(c)) for c in self._tree.find_all(exp.Column)]
        origins = {id(column): (source.table, column.name) for column, _, source in found if source}
        for join in self._tree.find_all(exp.Join):
            self._respell_join(join, origins)
        for select in self._selects.values():
            self._name_sources(select)
        for column, owner, source in found:
            if owner is not None and source is not None:
                self._respell(column, owner, source)
        for select in self._selects.values():
            self._drop_aliases(select)
        for item in self._tree.find_all(exp.Ordered):
            item.set("desc", item.args.get("desc") or None)

    def _read(self, node: exp.Select) -> _Select:
        outer = node.find_ancestor(exp.Select)
        select = _Select(node, self._selects.get(id(outer)) if outer else None)
        for clause in (node.args.get("from_"), *(node.args.get("joins") or [])):
            if clause is None:
                continue
            item = clause.this
            is_table = isinstance(item, exp.Table) and item.name.lower() not in self._derived
            select.sources[item.alias_or_name.lower()] = _Source(
                item, self._table(item) if is_table else None
            )
        select.outputs = {p.alias.lower(): p.this for p in node.expressions if p.alias}
        return select

    def _table(self, node: exp.Table) -> Table:
        name = ".".join(part.name for part in node.parts)
        table = self._schema.table(name) or self._schema.table(node.name)
        if table is None:
            raise SchemaError(f"There is no table {name!r} in the schema.")
        return table

    def _write_out_outputs(self, select: _Select) -> None:
        """Replaces aliases and positions of results in the clauses that may use them."""
        for clause in ("group", "having", "order"):
            node = select.node.args.get(clause)
            if node is None:
                continue
            for literal in list(node.find_all(exp.Literal)):
                if isinstance(literal.parent, exp.Group | exp.Ordered) and literal.is_int:
                    self._write_out(literal, self._at(select, int(literal.name)))
            for column in list(node.find_all(exp.Column)):
                if column.find_ancestor(exp.Select) is not select.node or column.table:
                    continue
                output = select.outputs.get(column.name.lower())
                own = any(s.table and s.table.column(column.name) for s in select.sources.values())
                if output is not None and (clause == "order" or not own):
                    self._write_out(column, output)

    @staticmethod
    def _at(select: _Select, position: int) -> exp.Expression | None:
        if not 0 < position <= len(select.node.expressions):
            return None
        found: exp.Expression = select.node.expressions[position - 1].unalias()
        return found

    @staticmethod
    def _write_out(node: exp.Expression, output: exp.Expression | None) -> None:
        if output is None:
            return
        written = output.copy()
        alone = isinstance(node.parent, exp.Group | exp.Ordered)
        node.replace(
            exp.paren(written) if isinstance(written, exp.Binary) and not alone else written
        )

    def _resolve(self, column: exp.Column) -> tuple[_Select | None, _Source | None]:
        """The SELECT and the source that a column belongs to; None for a set operation's output."""
        start = column.find_ancestor(exp.Select, exp.SetOperation)
        if not isinstance(start, exp.Select):
            return None, None
        select: _Select | None = self._selects[id(start)]
        passed: list[_Select] = []
        while select is not None:
            source = self._find(select, column)
            if source is not None:
                for inner in passed:
                    inner.correlated = True
                return select, source
            passed.append(select)
            select = select.parent
        raise SchemaError(f"There is no column {column.sql()!r} in scope.")

    def _find(self, select: _Select, column: exp.Column) -> _Source | None:
        if column.table:
            source = select.sources.get(column.table.lower())
            if isinstance(column.this, exp.Star) or source is None:
                return source
            if source.table and not source.table.column(column.name):
                raise SchemaError(f"There is no column {column.sql()!r} in the schema.")
            return source
        for source in select.sources.values():
            if source.table is not None and source.table.column(column.name):
                return source
        return next((s for s in select.sources.values() if s.table is None), None)

    def _name_sources(self, select: _Select) -> None:
        taken = set()
        outer = select.parent if select.correlated else None
        while outer is not None:
            taken |= {source.name.lower() for source in outer.sources.values()}
            outer = outer.parent
        for key, source in select.sources.items():
            if source.table is None:
                source.name = key or ""
                taken.add(source.name)
                continue
            own = self._spelled[id(source.table)].name
            number, source.name = 1, own
            while source.name.lower() in taken:
                number += 1
                source.name = f"{own}_{number}"
            taken.add(source.name.lower())
            self._respell_source(source)

    def _respell_source(self, source: _Source) -> None:
        assert source.table is not None  # the caller has looked
        table, node = self._spelled[id(source.table)], source.node
        node.set("this", identifier(table, DIALECT))
        space = exp.to_identifier(table.namespace) if table.namespace else None
        node.set("db", space)
        node.set("catalog", None)
        renamed = source.name != table.name
        node.set("alias", exp.TableAlias(this=exp.to_identifier(source.name)) if renamed else None)

    def _respell(self, column: exp.Column, owner: _Select, source: _Source) -> None:
        inner = self._selects[id(column.find_ancestor(exp.Select))]
        qualified = len(owner.sources) > 1 or inner is not owner or owner.correlated
        if source.table is not None:
            table = self._spelled[id(source.table)]
            if known := source.table.column(column.name):
                written = table.columns[source.table.columns.index(known)]
                column.set("this", identifier(written, DIALECT))
            name = source.name
            whole = identifier(table, DIALECT) if name == table.name else None
        else:
            name, whole = column.table or source.name, None
        column.set("db", None)
        column.set("catalog", None)
        qualified |= isinstance(column.this, exp.Star)
        column.set("table", (whole or exp.to_identifier(name)) if qualified and name else None)

    def _respell_join(self, join: exp.Join, origins: _Origins) -> None:
        if join.kind == "INNER":
            join.set("kind", None)
        if join.args.get("using") or join.method:
            raise SchemaError("USING and NATURAL are not written in this form.")
        condition = join.args.get("on")
        for equation in list(condition.find_all(exp.EQ)) if condition else ():
            left, right = equation.this, equation.expression
            if self._refers(right, left, origins) and not self._refers(left, right, origins):
                equation.set("this", right)
                equation.set("expression", left)

    def _refers(self, column: exp.Expr, referred: exp.Expr, origins: _Origins) -> bool:
        table, name = origins.get(id(column), (None, ""))
        other, other_name = origins.get(id(referred), (None, ""))
        own = table.column(name) if table else None
        if table is None or own is None or other is None:
            return False
        return any(
            (t, c.name.casefold()) == (other, other_name.casefold())
            for t, c in references(self._schema, table, own)
        )

    def _drop_aliases(self, select: _Select) -> None:
        """Aliases of results that nothing refers to."""
        if isinstance(select.node.parent, exp.Subquery) and isinstance(
            select.node.parent.parent, exp.From | exp.Join
        ):
            return
        if select.node.find_ancestor(exp.CTE, exp.SetOperation):
            return
        for item in list(select.node.expressions):
            if isinstance(item, exp.Alias):
                item.replace(item.this)
