"""Brings the tables of a FROM clause into scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from squill.binding.scope import Scope, Source, listed, suggestion
from squill.parsing import spelled, table_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from squill.binding.resolver import Columns, Resolver


def from_clause(
    resolver: Resolver, query: exp.Expr, scope: Scope, ctes: Mapping[str, Columns]
) -> None:
    """Bring the tables of FROM, JOIN and LATERAL into ``scope``."""
    if isinstance(from_ := query.args.get("from_"), exp.From):
        add_source(resolver, from_.this, scope, ctes)
    for join in query.args.get("joins") or ():
        _join(resolver, join, scope, ctes)
    for lateral in query.args.get("laterals") or ():
        add_source(resolver, lateral, scope, ctes)


def add_source(
    resolver: Resolver, node: exp.Expr, scope: Scope, ctes: Mapping[str, Columns]
) -> None:
    """Bring one element of a FROM clause, with the joins inside it, into ``scope``."""
    if isinstance(node, exp.Table):
        _add(resolver, scope, _table_source(resolver, node, scope, ctes))
    elif isinstance(node, exp.Subquery) and not isinstance(node.this, exp.Query):
        add_source(resolver, node.this, scope, ctes)
    elif isinstance(node, exp.Query) and not isinstance(node, exp.Table):
        columns = resolver.query(node, scope.parent, ctes)
        names = resolver.relabelled(node.alias, columns, node.alias_column_names)
        _add(resolver, scope, Source(node.alias, None if node.args.get("pivots") else names))
    elif isinstance(node, exp.Lateral):
        _lateral(resolver, node, scope, ctes)
    else:
        _function(resolver, node, scope, ctes)
    for join in node.args.get("joins") or ():
        _join(resolver, join, scope, ctes)


def _add(resolver: Resolver, scope: Scope, source: Source) -> None:
    folded = source.name.casefold()
    same = [s for s in scope.sources if folded and s.name.casefold() == folded]
    if any(not s.qualified or s.qualified == source.qualified for s in same):
        resolver.report(f"`{source.name}` stands twice in the FROM clause; give it aliases.")
    scope.sources.append(source)


def _table_source(
    resolver: Resolver, node: exp.Table, scope: Scope, ctes: Mapping[str, Columns]
) -> Source:
    if not isinstance(node.this, exp.Identifier):
        resolver.expression(node.this, scope, ctes)
        return Source(node.alias_or_name, node.alias_column_names or None)
    namespace, name = table_name(node)
    alias = node.alias or name
    if not namespace and name.casefold() in ctes:
        table, columns = None, ctes[name.casefold()]
    else:
        table = resolver.table(node)
        columns = [c.name for c in table.columns] or None if table else None
    columns = resolver.relabelled(alias, columns, node.alias_column_names)
    return Source(alias, None if node.args.get("pivots") else columns, table)


def _lateral(
    resolver: Resolver, node: exp.Lateral, scope: Scope, ctes: Mapping[str, Columns]
) -> None:
    columns: Columns = None
    if isinstance(node.this, exp.Subquery):
        columns = resolver.query(node.this, scope, ctes)
    else:
        resolver.expression(node.this, scope, ctes)
    _add(resolver, scope, Source(node.alias, node.alias_column_names or columns))


def _function(
    resolver: Resolver, node: exp.Expr, scope: Scope, ctes: Mapping[str, Columns]
) -> None:
    """VALUES, UNNEST and other things that yield rows."""
    columns: Columns = None
    if isinstance(node, exp.Values):
        columns = values_columns(resolver, node, scope, ctes)
    else:
        resolver.expression(node, scope, ctes)
    _add(resolver, scope, Source(node.alias, list(node.alias_column_names) or columns))


def values_columns(
    resolver: Resolver, node: exp.Values, scope: Scope, ctes: Mapping[str, Columns]
) -> Columns:
    """The columns of a VALUES list, whose rows must be equally long."""
    resolver.expression(node, scope, ctes)
    widths = {len(row.expressions) for row in node.expressions if isinstance(row, exp.Tuple)}
    if len(widths) > 1:
        resolver.report("The rows of VALUES differ in their number of columns.")
    return [f"column{i + 1}" for i in range(max(widths))] if widths else None


def _join(resolver: Resolver, join: exp.Join, scope: Scope, ctes: Mapping[str, Columns]) -> None:
    before = list(scope.sources)
    add_source(resolver, join.this, scope, ctes)
    added = [source for source in scope.sources if source not in before]
    if isinstance(on := join.args.get("on"), exp.Expr):
        resolver.expression(on, scope, ctes)
    if str(join.args.get("method") or "").upper() == "NATURAL":
        _merge_natural(before, added)
    for column in join.args.get("using") or ():
        _merge_using(resolver, spelled(column), before, added)


def _merge_natural(before: list[Source], added: list[Source]) -> None:
    for source in added:
        for column in source.columns or ():
            if any(other.columns is not None and other.has(column) for other in before):
                source.merged.add(column.casefold())


def _merge_using(
    resolver: Resolver, column: str, before: list[Source], added: list[Source]
) -> None:
    for side in (before, added):
        if side and not any(source.has(column) for source in side):
            names = listed(source.name for source in side)
            known = [c for source in side for c in source.columns or ()]
            resolver.report(
                f"USING needs a column `{column}` in {names}{suggestion(column, known)}"
            )
    for source in added:
        source.merged.add(column.casefold())
