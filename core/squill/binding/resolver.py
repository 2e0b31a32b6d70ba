"""Resolves the names of queries, scope by scope. Problems are collected, never raised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from squill.binding import rules
from squill.binding.aggregates import (
    grouping_problems,
    outer_aggregate_problems,
    placement_problems,
    position,
)
from squill.binding.columns import resolve_column
from squill.binding.scope import Scope, Source, suggestion
from squill.binding.sources import add_source, from_clause, values_columns
from squill.binding.tables import Tables, is_system_table
from squill.parsing import spelled, table_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from squill.schema import Schema, Table

Columns = list[str] | None
"""Output columns of a query in order; None where a star's table is not known."""


class Resolver:
    """One statement's resolution. ``tables`` keeps the order of first use."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.dialect = schema.dialect
        self.tables: dict[str, None] = {}
        self.problems: list[str] = []
        self._index = Tables(schema)

    def report(self, problem: str) -> None:
        self.problems.append(problem)

    def query(self, query: exp.Expr, parent: Scope | None, ctes: Mapping[str, Columns]) -> Columns:
        """Resolve a query whose names may also mean those of ``parent``; its output columns."""
        ctes = self.common_tables(query, parent, ctes)
        if isinstance(query, exp.Select):
            return self._select(query, parent, ctes)
        if isinstance(query, exp.SetOperation):
            return self._set_operation(query, parent, ctes)
        if isinstance(query, exp.Subquery):
            columns = self.query(query.this, parent, ctes)
            self._order_of_output(query, columns, parent, ctes)
            return columns
        if isinstance(query, exp.Values):
            return values_columns(self, query, Scope(parent), ctes)
        if isinstance(query, exp.Table):
            scope = Scope(parent)
            add_source(self, query, scope, ctes)
            return scope.sources[0].star() if scope.sources else None
        return None

    def common_tables(
        self, query: exp.Expr, parent: Scope | None, outer: Mapping[str, Columns]
    ) -> Mapping[str, Columns]:
        """``outer`` with the CTEs that ``query`` defines."""
        with_ = query.args.get("with_")
        if not isinstance(with_, exp.With):
            return outer
        ctes = dict(outer)
        recursive = with_.recursive or self.dialect in rules.RECURSION_WITHOUT_KEYWORD
        for cte in with_.expressions:
            if not isinstance(cte.this, exp.Query | exp.Values):
                self.report(
                    f"`{cte.alias}` in WITH is no query; only queries can be checked there."
                )
            name, names = cte.alias.casefold(), cte.alias_column_names
            inner = dict(ctes)
            if recursive and isinstance(cte.this, exp.SetOperation):
                inner[name] = names or self._output_names(cte.this)
            columns = self.query(cte.this, parent, inner)
            ctes[name] = self.relabelled(cte.alias, columns, names)
        return ctes

    def _output_names(self, query: exp.Expr) -> Columns:
        while isinstance(query, exp.SetOperation | exp.Subquery):
            query = query.this
        if not isinstance(query, exp.Select) or query.is_star:
            return None
        return [item.output_name for item in query.expressions]

    def relabelled(self, name: str, columns: Columns, names: list[str]) -> Columns:
        if not names:
            return columns
        if columns is not None and len(names) > len(columns):
            self.report(f"`{name}` names {len(names)} columns, but its query has {len(columns)}.")
        return names + (columns or [])[len(names) :]

    def _set_operation(
        self, query: exp.SetOperation, parent: Scope | None, ctes: Mapping[str, Columns]
    ) -> Columns:
        left = self.query(query.this, parent, ctes)
        right = self.query(query.expression, parent, ctes)
        comparable = left is not None and right is not None and not query.args.get("by_name")
        if comparable and len(left or ()) != len(right or ()):
            self.report(
                f"The two sides of {type(query).__name__.upper()} must have as many columns: "
                f"the first has {len(left or ())}, the second {len(right or ())}."
            )
        self._order_of_output(query, left, parent, ctes)
        return left

    def _order_of_output(
        self,
        query: exp.Expr,
        columns: Columns,
        parent: Scope | None,
        ctes: Mapping[str, Columns],
    ) -> None:
        """ORDER BY and LIMIT of a set operation see its output columns only."""
        scope = Scope(parent, [Source("", columns)])
        order = query.args.get("order")
        self.positions(order.expressions if order else (), columns, "ORDER BY")
        for key in ("order", "limit", "offset"):
            if isinstance(node := query.args.get(key), exp.Expr):
                self.expression(node, scope, ctes)

    def _select(
        self, query: exp.Select, parent: Scope | None, ctes: Mapping[str, Columns]
    ) -> Columns:
        if not query.expressions:
            self.report("The SELECT lists no columns.")
        scope = Scope(parent)
        from_clause(self, query, scope, ctes)
        columns = self._select_list(query, scope, ctes)
        aliases = [item.alias for item in query.expressions if isinstance(item, exp.Alias)]
        self._clauses(query, scope, aliases, columns, ctes)
        self.problems += placement_problems(query, self.dialect)
        self.problems += outer_aggregate_problems(query, scope, self.dialect)
        self.problems += grouping_problems(query, scope, self.dialect)
        return columns

    def table(self, node: exp.Table) -> Table | None:
        """The schema's table that ``node`` names; reports where there is none."""
        namespace, name = table_name(node)
        found = self._index.find(namespace, name)
        if not isinstance(found, str):
            self.tables.setdefault(found.qualified_name)
            return found
        if not is_system_table(namespace, name):
            self.report(found)
        return None

    def _select_list(self, query: exp.Select, scope: Scope, ctes: Mapping[str, Columns]) -> Columns:
        columns: Columns = []
        aliases: list[str] = []
        for item in query.expressions:
            seen = scope
            if self.dialect in rules.SELECT_ALIAS_IN_SELECT:
                seen = scope.with_aliases(aliases)
            output = self._output(item, seen, ctes)
            columns = None if columns is None or output is None else columns + output
            aliases.append(item.alias)
        # BigQuery's SELECT AS STRUCT yields one value whatever is listed.
        return [""] if query.args.get("kind") else columns

    def _output(self, item: exp.Expr, scope: Scope, ctes: Mapping[str, Columns]) -> Columns:
        """The output columns of one element of a select list."""
        if isinstance(item, exp.Star):
            for part in (v for values in item.args.values() for v in values or ()):
                if isinstance(part, exp.Alias):
                    self.expression(part.this, scope, ctes)
            if not scope.sources:
                self.report("`*` needs a FROM clause.")
            return None if item.args.get("except_") else _star(scope.sources)
        if isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
            source = self._qualifier(item, scope)
            return list(source.columns) if source and source.columns is not None else None
        self.expression(item, scope, ctes)
        if isinstance(item, exp.Dot) and item.is_star:
            return None
        return [item.output_name]

    def _qualifier(self, item: exp.Column, scope: Scope) -> Source | None:
        namespace = spelled(item.args.get("db"))
        name = spelled(item.args.get("table"))
        source = scope.named(name, namespace)
        if source is None:
            names = (s.name for inner in scope.chain() for s in inner.sources)
            self.report(f"`{name}` is not in the FROM clause{suggestion(name, names)}")
        return source

    def _clauses(
        self,
        query: exp.Select,
        scope: Scope,
        aliases: Sequence[str],
        columns: Columns,
        ctes: Mapping[str, Columns],
    ) -> None:
        outputs = [*aliases, *(columns or ())]
        named = scope.with_aliases(aliases)
        visible = {
            "where": named if self.dialect in rules.SELECT_ALIAS_IN_WHERE else scope,
            "group": named if self.dialect in rules.SELECT_ALIAS_IN_GROUP_BY else scope,
            "having": named if self.dialect in rules.SELECT_ALIAS_IN_HAVING else scope,
            "qualify": named,
            "order": named,
            "sort": named,
            "windows": scope,
            "distinct": scope,
            "limit": scope,
            "offset": scope,
        }
        for key, seen in visible.items():
            for node in _as_list(query.args.get(key)):
                self.expression(node, seen, ctes, outputs if key in ("order", "sort") else ())
        for key, clause in (("group", "GROUP BY"), ("order", "ORDER BY")):
            for node in _as_list(query.args.get(key)):
                self.positions(node.expressions, columns, clause)

    def positions(self, nodes: Iterable[exp.Expr], columns: Columns, clause: str) -> None:
        """Check numbers that mean output columns (``ORDER BY 2``)."""
        if columns is None:
            return
        for node in nodes:
            target = node.this if isinstance(node, exp.Ordered) else node
            number = position(target)
            if number == 0 or number > len(columns):
                self.report(
                    f"{clause} {target.name} means no column: the SELECT lists {len(columns)}."
                )

    def expression(
        self,
        node: exp.Expr,
        scope: Scope,
        ctes: Mapping[str, Columns],
        outputs: Sequence[str] = (),
    ) -> None:
        """Resolve all names below ``node``; ``outputs`` are names that ORDER BY may use alone."""
        free = {name.casefold() for name in outputs if name}
        stack = [node]
        while stack:
            current = stack.pop()
            if isinstance(current, exp.Column):
                self._column(current, scope, free)
                continue
            if isinstance(current, exp.Query):
                self._nested_query(current, scope, ctes)
                continue
            if isinstance(current, exp.Lambda):
                free = free | {spelled(p).casefold() for p in current.expressions}
            children = list(current.iter_expressions())
            if isinstance(current, exp.Kwarg | exp.PropertyEQ):
                children = [current.expression]
            stack.extend(reversed(children))

    def _column(self, node: exp.Column, scope: Scope, free: set[str]) -> None:
        if not node.table and spelled(node.this).casefold() in free:
            return
        problem = resolve_column(node, scope, self.schema)
        if problem:
            self.report(problem)

    def _nested_query(self, query: exp.Query, scope: Scope, ctes: Mapping[str, Columns]) -> None:
        columns = self.query(query, scope, ctes)
        wanted = _wanted_width(query)
        if columns is not None and wanted and len(columns) != wanted:
            expected = "one column" if wanted == 1 else f"{wanted} columns"
            self.report(f"A subquery used as a value must have {expected}, not {len(columns)}.")


def _star(sources: Iterable[Source]) -> Columns:
    found: list[str] = []
    for source in sources:
        columns = source.star()
        if columns is None:
            return None
        found += columns
    return found


def _as_list(value: object) -> list[exp.Expr]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, exp.Expr)]


def _wanted_width(query: exp.Query) -> int:
    """How many columns a nested query must have, 0 where any number will do."""
    parent = query.parent
    if isinstance(parent, exp.Exists) or parent is None:
        return 0
    if isinstance(parent, exp.In | exp.Binary):
        other = parent.this if parent.this is not query else parent.expression
        if isinstance(other, exp.Tuple):
            return len(other.expressions)
        return 1
    return 1 if isinstance(parent, exp.Func | exp.Alias | exp.Select | exp.Unary) else 0
