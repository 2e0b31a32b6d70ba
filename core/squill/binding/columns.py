"""Resolves one column reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from squill.binding import rules
from squill.binding.scope import Scope, Source, listed, suggestion
from squill.parsing import spelled

if TYPE_CHECKING:
    from squill.schema import Schema


def resolve_column(node: exp.Column, scope: Scope, schema: Schema) -> str | None:
    """A sentence for the user where ``node`` means no column or several, else None."""
    if isinstance(node.this, exp.Star):
        name = spelled(node.args.get("table"))
        return None if not name or scope.named(name) else _unbound(name, scope, schema)
    if node.args.get("table"):
        return _qualified(node, scope, schema)
    return _unqualified(spelled(node.this), scope, schema)


def source_of(node: exp.Column, scope: Scope) -> Source | None:
    """The source of this very scope that ``node``'s column comes from, or None."""
    if node.table:
        source = scope.named(spelled(node.args["table"]), spelled(node.args.get("db")))
        return source if source in scope.sources else None
    return next(iter(scope.with_column(spelled(node.this))), None)


def _qualified(node: exp.Column, scope: Scope, schema: Schema) -> str | None:
    column, qualifier = spelled(node.this), spelled(node.args.get("table"))
    parts = [spelled(node.args.get(key)) for key in ("catalog", "db")]
    namespace = ".".join(part for part in parts if part)
    source = scope.named(qualifier, namespace)
    if source is None:
        if schema.dialect in rules.STRUCT_FIELDS and _is_field(namespace, qualifier, scope, schema):
            return None
        return _unbound(qualifier, scope, schema)
    if source.has(column) or column.casefold() in rules.SYSTEM_COLUMNS.get(schema.dialect, ()):
        return None
    return f"There is no column `{column}` in {_described(source)}" + suggestion(
        column, source.columns or ()
    )


def _is_field(namespace: str, qualifier: str, scope: Scope, schema: Schema) -> bool:
    first, *rest = [*namespace.split("."), qualifier] if namespace else [qualifier]
    if rest and scope.named(first):
        return True
    return _unqualified(first, scope, schema) is None


def _unqualified(name: str, scope: Scope, schema: Schema) -> str | None:
    folded = name.casefold()
    if folded in rules.SYSTEM_VALUES.get(schema.dialect, ()):
        return None
    for inner in scope.chain():
        sources = inner.with_column(name)
        if len(sources) > 1 and folded not in inner.aliases:
            names = listed(f"{source.name}.{name}" for source in sources)
            return f"The column `{name}` is ambiguous: it could be {names}."
        if sources or inner.is_open or folded in inner.aliases:
            return None
        if inner.sources and folded in rules.SYSTEM_COLUMNS.get(schema.dialect, ()):
            return None
        if schema.dialect in rules.WHOLE_ROWS and inner.named(name) in inner.sources:
            return None
    return _unknown(name, scope, schema)


def _unknown(name: str, scope: Scope, schema: Schema) -> str:
    sources = [source for inner in scope.chain() for source in inner.sources]
    if not sources:
        return f"There is no column `{name}` here: the query has no FROM clause."
    known = [column for source in sources for column in source.columns or ()]
    hint = suggestion(name, known)
    if hint == "." and (owner := next((t for t in schema.tables if t.column(name)), None)):
        hint = f"; `{owner.qualified_name}` has one, but is not in the FROM clause."
    places = dict.fromkeys(_plain(source) for source in sources)
    return f"There is no column `{name}` in {listed(places)}{hint}"


def _unbound(name: str, scope: Scope, schema: Schema) -> str:
    names = [source.name for inner in scope.chain() for source in inner.sources]
    if (table := schema.table(name)) is not None:
        alias = next(
            (s.name for inner in scope.chain() for s in inner.sources if s.table is table), None
        )
        if alias:
            return f"`{name}` is called `{alias}` in this query; write `{alias}` for it."
        return f"`{name}` is not in the FROM clause of this query."
    return f"There is no table or alias `{name}` in this query{suggestion(name, names)}"


def _plain(source: Source) -> str:
    return source.table.qualified_name if source.table else source.name or "the subquery"


def _described(source: Source) -> str:
    plain = _plain(source)
    if source.table and source.name.casefold() != source.table.name.casefold():
        return f"`{plain}` (here `{source.name}`)"
    return f"`{plain}`"
