"""Resolves INSERT, UPDATE, DELETE and MERGE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from squill.binding.aggregates import forbidden_aggregates
from squill.binding.scope import Scope, Source, suggestion
from squill.binding.sources import add_source
from squill.parsing import spelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from squill.binding.resolver import Columns, Resolver
    from squill.schema import Table


def resolve_dml(resolver: Resolver, tree: exp.Expr) -> None:
    """Resolve the names of a statement that changes rows; problems go to ``resolver``."""
    ctes = resolver.common_tables(tree, None, {})
    if isinstance(tree, exp.Insert):
        _insert(resolver, tree, ctes)
    elif isinstance(tree, exp.Update):
        _update(resolver, tree, ctes)
    elif isinstance(tree, exp.Delete):
        _delete(resolver, tree, ctes)
    elif isinstance(tree, exp.Merge):
        _merge(resolver, tree, ctes)


def _insert(resolver: Resolver, tree: exp.Insert, ctes: Mapping[str, Columns]) -> None:
    target = tree.this
    named: list[str] = []
    if isinstance(target, exp.Schema):
        named, target = [spelled(item) for item in target.expressions], target.this
    if not isinstance(target, exp.Table):
        resolver.report("The INSERT names no table.")
        return
    scope = Scope(None)
    add_source(resolver, target, scope, {})
    table = scope.sources[0].table
    if table is not None and table.columns:
        _target_columns(resolver, named, table)
        _width(resolver, tree, len(named) or len(table.columns), ctes)
    elif isinstance(tree.expression, exp.Query | exp.Values):
        resolver.query(tree.expression, None, ctes)
    conflict = tree.args.get("conflict")
    if isinstance(conflict, exp.OnConflict):
        excluded = Source("excluded", scope.sources[0].columns)
        excluded.merged = {column.casefold() for column in excluded.columns or ()}
        _conflict(resolver, conflict, Scope(None, [*scope.sources, excluded]), ctes)
    _returning(resolver, tree, scope, ctes)


def _target_columns(resolver: Resolver, names: Iterable[str], table: Table) -> None:
    for name in names:
        if table.column(name) is None:
            hint = suggestion(name, (column.name for column in table.columns))
            resolver.report(f"There is no column `{name}` in `{table.qualified_name}`{hint}")


def _width(resolver: Resolver, tree: exp.Insert, wanted: int, ctes: Mapping[str, Columns]) -> None:
    if not isinstance(tree.expression, exp.Query | exp.Values):
        return
    columns = resolver.query(tree.expression, None, ctes)
    given = len(columns) if columns is not None else wanted
    if given != wanted:
        resolver.report(f"The INSERT has {wanted} columns, but {given} values.")


def _conflict(
    resolver: Resolver, conflict: exp.OnConflict, scope: Scope, ctes: Mapping[str, Columns]
) -> None:
    table = scope.sources[0].table
    keys = [spelled(key) for key in conflict.args.get("conflict_keys") or ()]
    if table is not None and table.columns:
        _target_columns(resolver, [key for key in keys if key], table)
    _assignments(resolver, conflict.expressions, scope, ctes)
    if isinstance(where := conflict.args.get("where"), exp.Expr):
        resolver.expression(where, scope, ctes)


def _assignments(
    resolver: Resolver, nodes: Iterable[exp.Expr], scope: Scope, ctes: Mapping[str, Columns]
) -> None:
    for node in nodes:
        resolver.expression(node, scope, ctes)
        for problem in forbidden_aggregates(node, "SET", resolver.dialect):
            resolver.report(problem)


def _returning(
    resolver: Resolver, tree: exp.Expr, scope: Scope, ctes: Mapping[str, Columns]
) -> None:
    if isinstance(returning := tree.args.get("returning"), exp.Expr):
        resolver.expression(returning, scope, ctes)


def _update(resolver: Resolver, tree: exp.Update, ctes: Mapping[str, Columns]) -> None:
    scope = Scope(None)
    from_ = tree.args.get("from_")
    if isinstance(from_, exp.From):
        add_source(resolver, from_.this, scope, ctes)
    if not _names_source(tree.this, scope):
        add_source(resolver, tree.this, scope, ctes)
        scope.sources.insert(0, scope.sources.pop())
    for node in tree.expressions:
        _assigned_column(resolver, node, scope)
    _assignments(resolver, tree.expressions, scope, ctes)
    _filtered(resolver, tree, scope, ctes)


def _names_source(target: exp.Expr, scope: Scope) -> bool:
    """Whether an UPDATE or DELETE target is an alias of its FROM clause, as in T-SQL."""
    return isinstance(target, exp.Table) and any(
        source.name.casefold() == target.name.casefold() for source in scope.sources
    )


def _assigned_column(resolver: Resolver, node: exp.Expr, scope: Scope) -> None:
    """What is assigned to must be a column of the target, not of a table beside it."""
    target = node.this if isinstance(node, exp.EQ) else None
    if not isinstance(target, exp.Column) or target.table:
        return
    table = scope.sources[0].table
    if table is not None and table.columns and len(scope.sources) > 1:
        _target_columns(resolver, [spelled(target.this)], table)


def _filtered(
    resolver: Resolver, tree: exp.Expr, scope: Scope, ctes: Mapping[str, Columns]
) -> None:
    """WHERE, RETURNING, ORDER BY and LIMIT of an UPDATE or DELETE."""
    if isinstance(where := tree.args.get("where"), exp.Expr):
        resolver.expression(where, scope, ctes)
        for problem in forbidden_aggregates(where, "WHERE", resolver.dialect):
            resolver.report(problem)
    for key in ("returning", "order", "limit"):
        if isinstance(node := tree.args.get(key), exp.Expr):
            resolver.expression(node, scope, ctes)


def _delete(resolver: Resolver, tree: exp.Delete, ctes: Mapping[str, Columns]) -> None:
    scope = Scope(None)
    if isinstance(tree.this, exp.Table):
        add_source(resolver, tree.this, scope, ctes)
    for node in tree.args.get("using") or ():
        add_source(resolver, node, scope, ctes)
    for node in tree.args.get("tables") or ():
        if not _names_source(node, scope):
            resolver.report(f"`{node.name}` is not in the FROM clause of the DELETE.")
    _filtered(resolver, tree, scope, ctes)


def _merge(resolver: Resolver, tree: exp.Merge, ctes: Mapping[str, Columns]) -> None:
    scope = Scope(None)
    add_source(resolver, tree.this, scope, ctes)
    add_source(resolver, tree.args["using"], scope, ctes)
    resolver.expression(tree.args["on"], scope, ctes)
    table = scope.sources[0].table
    whens = tree.args.get("whens")
    for when in whens.expressions if isinstance(whens, exp.Expr) else ():
        if isinstance(condition := when.args.get("condition"), exp.Expr):
            resolver.expression(condition, scope, ctes)
        then = when.args.get("then")
        if isinstance(then, exp.Update):
            _assignments(resolver, then.expressions, scope, ctes)
        elif isinstance(then, exp.Insert):
            _merge_insert(resolver, then, table, scope, ctes)


def _merge_insert(
    resolver: Resolver,
    node: exp.Insert,
    table: Table | None,
    scope: Scope,
    ctes: Mapping[str, Columns],
) -> None:
    names = [spelled(item) for item in node.this.expressions] if node.this else []
    if table is not None and table.columns:
        _target_columns(resolver, names, table)
    if isinstance(node.expression, exp.Expr):
        resolver.expression(node.expression, scope, ctes)
