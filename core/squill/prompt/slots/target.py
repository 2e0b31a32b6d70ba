"""SQL to slots: what the model learns to write."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from squill.errors import SchemaError
from squill.prompt.slots.vocabulary import (
    MAX_ALIASES,
    alias_token,
    column_token,
    table_token,
    word_token,
)

if TYPE_CHECKING:
    from squill.prompt.slots.numbering import Numbering
    from squill.schema import Table

_WORD = re.compile(r"<w(\d+)>")
_ALONE = re.compile(r"<c\d+> \S+ (?:'(?:[^']|'')*'|(?:<w\d+>){2}|[\d.]+)$")
"""A condition on one column, whole and not within another."""
_WILDCARDS = re.compile(r"^([%_]*)(.*?)([%_]*)$", re.DOTALL)


@dataclass(eq=False)
class _Source:
    """One table in one FROM clause."""

    node: exp.Table
    table: Table
    needs_alias: bool = False
    alias: str = ""


@dataclass(eq=False)
class _Select:
    """The sources of one SELECT by the name that its columns use, lower case."""

    node: exp.Select
    sources: dict[str, _Source | None] = field(default_factory=dict)
    outputs: set[str] = field(default_factory=set)


def to_target(sql: str, numbering: Numbering, *, read: str, write: str) -> str:
    """``sql`` (dialect ``read``) as slots in dialect ``write``.

    Raises:
        SchemaError: it does not parse, or names what the schema lacks.
    """
    try:
        tree = sqlglot.parse_one(sql, dialect=read)
    except (SqlglotError, RecursionError) as error:
        raise SchemaError(f"The statement does not parse: {error}") from error
    if not isinstance(tree, exp.Query):
        raise SchemaError("Only queries can be written in slots.")
    _Slots(tree, numbering).apply()
    return _in_order(tree.sql(dialect=write, comments=False))


class _Slots:
    """Replaces names and literals of one tree in place."""

    def __init__(self, tree: exp.Query, numbering: Numbering) -> None:
        self._tree = tree
        self._numbering = numbering
        self._derived = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
        self._selects = {id(s): self._read_select(s) for s in tree.find_all(exp.Select)}

    def apply(self) -> None:
        columns = [(c, self._resolve(c)) for c in self._tree.find_all(exp.Column)]
        self._name_aliases()
        for node, source in columns:
            self._replace_column(node, source)
        for select in self._selects.values():
            for source in select.sources.values():
                if source is not None:
                    self._replace_table(source)
        for literal in list(self._tree.find_all(exp.Literal)):
            self._replace_literal(literal)
        for join in self._tree.find_all(exp.Join):
            if join.kind == "INNER":
                join.set("kind", None)

    def _read_select(self, node: exp.Select) -> _Select:
        select = _Select(node)
        clauses = [node.args.get("from_"), *(node.args.get("joins") or [])]
        for clause in clauses:
            if clause is None:
                continue
            item = clause.this
            name = item.alias_or_name.lower()
            if isinstance(item, exp.Table) and item.name.lower() not in self._derived:
                select.sources[name] = _Source(item, self._table(item))
            else:
                select.sources[name] = None
        select.outputs = {p.alias.lower() for p in node.expressions if p.alias}
        counts = Counter(s.table for s in select.sources.values() if s is not None)
        for source in select.sources.values():
            if source is not None and counts[source.table] > 1:
                source.needs_alias = True
        return select

    def _table(self, node: exp.Table) -> Table:
        name = ".".join(part.name for part in node.parts)
        table = self._numbering.schema.table(name) or self._numbering.schema.table(node.name)
        if table is None:
            raise SchemaError(f"There is no table {name!r} in the schema.")
        return table

    def _resolve(self, column: exp.Column) -> _Source | None:
        """The source that the column belongs to; None for an output or a derived table's column."""
        passed: list[_Select] = []
        for select in self._enclosing(column):
            found, source = self._find(select, column)
            if found:
                if source is not None and any(_has(p, source.table) for p in passed):
                    source.needs_alias = True
                return source
            passed.append(select)
        if isinstance(column.find_ancestor(exp.SetOperation, exp.Select), exp.SetOperation):
            return None
        raise SchemaError(f"There is no column {column.sql()!r} in scope.")

    def _enclosing(self, node: exp.Expression) -> list[_Select]:
        found = []
        parent = node.find_ancestor(exp.Select)
        while parent is not None:
            found.append(self._selects[id(parent)])
            parent = parent.find_ancestor(exp.Select)
        return found

    def _find(self, select: _Select, column: exp.Column) -> tuple[bool, _Source | None]:
        qualifier, name = column.table.lower(), column.name
        if qualifier:
            source = select.sources.get(qualifier)
            if source is not None and source.table.column(name) is None:
                raise SchemaError(f"There is no column {column.sql()!r} in the schema.")
            return qualifier in select.sources, source
        owners = [s for s in select.sources.values() if s is not None and s.table.column(name)]
        if owners:
            return True, owners[0]
        if name.lower() in select.outputs or None in select.sources.values():
            return True, None
        return False, None

    def _name_aliases(self) -> None:
        number = 0
        for select in self._selects.values():
            for source in select.sources.values():
                if source is not None and source.needs_alias:
                    number += 1
                    source.alias = alias_token(number)
        if number > MAX_ALIASES:
            raise SchemaError("The statement uses more table aliases than the format has.")

    def _replace_column(self, node: exp.Column, source: _Source | None) -> None:
        if source is None:
            node.replace(
                exp.column(*(exp.to_identifier(p.name, quoted=True) for p in node.parts[::-1]))
            )
            return
        number = self._numbering.column_number(source.table, node.name)
        if number is None:
            raise SchemaError(f"There is no column {node.sql()!r} in the prompt.")
        token = column_token(number)
        node.replace(exp.Var(this=f"{source.alias}.{token}" if source.alias else token))

    def _replace_table(self, source: _Source) -> None:
        token = table_token(self._numbering.table_number(source.table))
        source.node.set("db", None)
        source.node.set("catalog", None)
        source.node.set("this", exp.Var(this=token))
        alias = exp.TableAlias(this=exp.Var(this=source.alias)) if source.alias else None
        source.node.set("alias", alias)

    def _replace_literal(self, node: exp.Literal) -> None:
        if node.is_string:
            before, text, after = _split_wildcards(node.name)
            span = self._numbering.find_span(text)
            if span:
                words = "".join(word_token(n) for n in span)
                node.replace(exp.Var(this=f"'{before}{words}{after}'"))
        elif span := self._numbering.find_span(node.name) or self._grouped(node.name):
            node.replace(exp.Var(this="".join(word_token(n) for n in span)))

    def _grouped(self, number: str) -> tuple[int, int] | None:
        """The span of a number that the question writes with separators: ``16,000``."""
        return self._numbering.find_span(f"{int(number):,}") if number.isdecimal() else None


def _in_order(target: str) -> str:
    """Conditions in the order in which the question names their values.

    Annotators put them in any order, which nobody can learn.
    """
    before, where, chain = target.partition(" WHERE ")
    conditions = chain.split(" AND ")
    if not all(_ALONE.match(condition) for condition in conditions):
        return target
    return before + where + " AND ".join(sorted(conditions, key=_first_word))


def _first_word(condition: str) -> int:
    match = _WORD.search(condition)
    return int(match[1]) if match else 0


def _has(select: _Select, table: Table) -> bool:
    return any(s is not None and s.table == table for s in select.sources.values())


def _split_wildcards(text: str) -> tuple[str, str, str]:
    match = _WILDCARDS.match(text)
    assert match is not None  # the pattern matches every text
    return match[1], match[2], match[3]
