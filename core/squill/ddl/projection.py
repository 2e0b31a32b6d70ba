"""The columns that a query yields, as far as its text says; stars wait for the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from squill.ddl.catalog import TableName
from squill.ddl.operations import StarOf
from squill.parsing import spelled, table_name

if TYPE_CHECKING:
    from collections.abc import Mapping

Columns = tuple[str | StarOf, ...]


def projected_columns(query: exp.Expr, dialect: str) -> Columns:
    """Names in the order of the select list; `StarOf` where a table's columns stand there."""
    return _columns(query, {}, dialect)


def _columns(query: exp.Expr, outer: Mapping[str, Columns], dialect: str) -> Columns:
    known = dict(outer)
    for cte in query.args["with_"].expressions if query.args.get("with_") else ():
        columns = _columns(cte.this, known, dialect)
        known[cte.alias.casefold()] = _relabelled(columns, cte.alias_column_names)
    if isinstance(query, exp.Subquery | exp.SetOperation):
        return _columns(query.this, known, dialect)
    if not isinstance(query, exp.Select):
        return ()
    sources = _sources(query, known, dialect)
    found: list[str | StarOf] = []
    for item in query.expressions:
        if isinstance(item, exp.Star):
            found += [column for columns in sources.values() for column in columns]
        elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
            found += sources.get(item.table.casefold(), ())
        else:
            found.append(item.output_name or item.sql(dialect=dialect))
    return tuple(found)


def _sources(query: exp.Select, known: Mapping[str, Columns], dialect: str) -> dict[str, Columns]:
    """The columns of each table of the FROM clause, by alias."""
    sources: dict[str, Columns] = {}
    joins = query.args.get("joins") or []
    for clause in [query.args.get("from_"), *joins]:
        source = clause.this if clause else None
        if isinstance(source, exp.Table):
            namespace, name = table_name(source)
            columns = None if namespace else known.get(name.casefold())
            alias = source.alias or spelled(source.this)
            sources[alias.casefold()] = (
                (StarOf(TableName(namespace, name)),) if columns is None else columns
            )
        elif isinstance(source, exp.Subquery):
            columns = _columns(source.this, known, dialect)
            sources[source.alias.casefold()] = _relabelled(columns, source.alias_column_names)
    return sources


def _relabelled(columns: Columns, names: list[str]) -> Columns:
    return tuple(names) or columns
