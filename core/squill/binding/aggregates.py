"""Where aggregates and window functions may stand, and what grouping demands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from squill.binding import rules
from squill.binding.columns import source_of
from squill.parsing import spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.binding.scope import Scope, Source

_WINDOW_ONLY = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)


def is_aggregate(node: exp.Expr) -> bool:
    """Whether a call makes one value of many rows (SQLite's MAX of two arguments does not)."""
    if isinstance(node, exp.Max | exp.Min) and node.expressions:
        return False
    if isinstance(node, exp.Filter | exp.WithinGroup):
        return is_aggregate(node.this)
    return isinstance(node, exp.AggFunc) and not isinstance(node, _WINDOW_ONLY)


def _own_nodes(node: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes below ``node`` without those of nested queries."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        if not isinstance(current, exp.Query) or current is node:
            stack.extend(current.iter_expressions())


def _aggregates(node: exp.Expr) -> Iterator[exp.Expr]:
    """Aggregates below ``node`` that are no window functions."""
    stack = [node]
    while stack:
        current = stack.pop()
        if is_aggregate(current):
            yield current
        elif isinstance(current, exp.Window):
            stack.extend(child for child in current.iter_expressions() if child is not current.this)
            stack.extend(current.this.iter_expressions())
        elif not isinstance(current, exp.Query):
            stack.extend(current.iter_expressions())


def placement_problems(query: exp.Select, dialect: str) -> Iterator[str]:
    """Aggregates in WHERE, in GROUP BY and in one another; HAVING without any; and the like."""
    where, group = query.args.get("where"), query.args.get("group")
    joins = [join.args.get("on") for join in query.args.get("joins") or ()]
    for clause, node in [("WHERE", where), ("GROUP BY", group), *(("ON", on) for on in joins)]:
        if isinstance(node, exp.Expr):
            yield from forbidden_aggregates(node, clause, dialect)
    clauses = [*query.expressions, query.args.get("having"), query.args.get("order")]
    for node in (clause for clause in clauses if isinstance(clause, exp.Expr)):
        for call in _aggregates(node):
            inner = call.this if isinstance(call, exp.Filter | exp.WithinGroup) else call
            if any(True for child in inner.iter_expressions() for _ in _aggregates(child)):
                yield f"An aggregate cannot stand inside another: `{call.sql(dialect=dialect)}`."
    if group is None:
        yield from _ungrouped_problems(query, dialect)
    else:
        yield from _group_position_problems(query, group, dialect)


def forbidden_aggregates(node: exp.Expr, clause: str, dialect: str) -> Iterator[str]:
    for call in _aggregates(node):
        advice = " Use HAVING." if clause == "WHERE" else ""
        yield f"An aggregate cannot stand in {clause}: `{call.sql(dialect=dialect)}`.{advice}"
    if any(isinstance(inner, exp.Window) for inner in _own_nodes(node)):
        yield f"A window function cannot stand in {clause}."


def _ungrouped_problems(query: exp.Select, dialect: str) -> Iterator[str]:
    having, order = query.args.get("having"), query.args.get("order")
    if any(True for item in query.expressions for _ in _aggregates(item)):
        return
    if having is not None and not any(True for _ in _aggregates(having)):
        if dialect in rules.HAVING_NEEDS_AGGREGATION:
            yield "HAVING needs a GROUP BY or an aggregate; use WHERE."
    elif having is None and order is not None and any(True for _ in _aggregates(order)):
        yield "ORDER BY has an aggregate, but the query has no GROUP BY."


def _group_position_problems(query: exp.Select, group: exp.Expr, dialect: str) -> Iterator[str]:
    for item in group.expressions:
        target = _positioned(query, item)
        if target is not None and any(True for _ in _aggregates(target)):
            yield f"GROUP BY {item.name} means an aggregate: `{target.sql(dialect=dialect)}`."


def _positioned(query: exp.Select, item: exp.Expr) -> exp.Expr | None:
    """The selected expression that a number in GROUP BY means."""
    number = position(item)
    return query.expressions[number - 1] if 0 < number <= len(query.expressions) else None


def position(node: exp.Expr) -> int:
    """The output column that a bare number means, -1 where ``node`` is none."""
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdecimal():
        # Python refuses to read numbers of thousands of digits.
        return int(node.name) if len(node.name) < 10 else 10**9
    return -1


def grouping_problems(query: exp.Select, scope: Scope, dialect: str) -> Iterator[str]:
    """Selected columns that are neither grouped by nor aggregated, where the dialect minds."""
    if dialect not in rules.STRICT_GROUPING or any(s.columns is None for s in scope.sources):
        return
    group = query.args.get("group")
    clauses = [*query.expressions, query.args.get("having")]
    parts = [node for node in clauses if isinstance(node, exp.Expr)]
    if group is None and not any(True for node in parts for _ in _aggregates(node)):
        return
    if group is not None and _is_elaborate(group):
        return
    grouped = list(_grouped(query, group)) if group is not None else []
    keys = {key for node in grouped if (key := _key(node, scope))}
    for part in parts:
        for column in _loose_columns(part, grouped):
            key = _key(column, scope)
            if key and key not in keys and not _determined(key, keys, dialect):
                yield (
                    f"The column `{spelled(column.this)}` must stand in GROUP BY or an aggregate."
                )


def _is_elaborate(group: exp.Expr) -> bool:
    """Whether more is grouped by than a plain list of expressions."""
    if set(filter(group.args.get, group.args)) - {"expressions"}:
        return True
    return group.find(exp.Rollup, exp.Cube, exp.GroupingSets) is not None


def _grouped(query: exp.Select, group: exp.Expr) -> Iterator[exp.Expr]:
    """What is grouped by, with positions and aliases replaced by what they mean."""
    aliases = {i.alias.casefold(): i.this for i in query.expressions if isinstance(i, exp.Alias)}
    for item in group.expressions:
        positioned = _positioned(query, item)
        yield item if positioned is None else positioned.unalias()
        meant = aliases.get(spelled(item.this).casefold()) if not item.args.get("table") else None
        if isinstance(item, exp.Column) and meant is not None:
            yield meant


def _loose_columns(node: exp.Expr, grouped: list[exp.Expr]) -> Iterator[exp.Column]:
    """Columns below ``node`` outside aggregates, nested queries and grouped expressions."""
    stack = [node]
    while stack:
        current = stack.pop()
        if is_aggregate(current) or isinstance(current, exp.Query):
            continue
        if not isinstance(current, exp.Column) and current in grouped:
            continue
        if isinstance(current, exp.Column):
            if not isinstance(current.this, exp.Star):
                yield current
            continue
        if isinstance(current, exp.Window):
            stack.extend(child for child in current.iter_expressions() if child is not current.this)
            stack.extend(current.this.iter_expressions())
            continue
        stack.extend(current.iter_expressions())


def _key(node: exp.Expr, scope: Scope) -> tuple[Source, str] | None:
    if not isinstance(node, exp.Column):
        return None
    source = source_of(node, scope)
    return (source, spelled(node.this).casefold()) if source else None


def outer_aggregate_problems(query: exp.Select, scope: Scope, dialect: str) -> Iterator[str]:
    """Aggregates in a subquery that range over nothing but the outer query's columns."""
    if scope.parent is None or scope.is_open:
        return
    for node in (*query.expressions, query.args.get("having")):
        for call in _aggregates(node) if isinstance(node, exp.Expr) else ():
            columns = list(call.find_all(exp.Column))
            if columns and not any(source_of(column, scope) for column in columns):
                text = call.sql(dialect=dialect)
                yield f"`{text}` in the subquery has none of the subquery's columns."


def _determined(key: tuple[Source, str], keys: set[tuple[Source, str]], dialect: str) -> bool:
    source = key[0]
    if dialect not in rules.GROUPING_BY_PRIMARY_KEY or source.table is None:
        return False
    primary = [c.name.casefold() for c in source.table.columns if c.primary_key]
    return bool(primary) and all((source, name) in keys for name in primary)
