"""The canonical form of a query that binds: names as the schema spells and quotes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from squill.binding import bind
from squill.quoting import identifier

if TYPE_CHECKING:
    from squill.binding import Binding
    from squill.schema import Column, Schema, Table


def respell(bound: Binding, schema: Schema) -> str:
    """The query of a valid ``bound`` in ``schema.dialect``, laid out by sqlglot's generator.

    The names of tables and columns get the schema's letter case and quotes. A query that would
    not bind that way (an alias that differs from a column by case alone, say) stays as it is.
    """
    if bound.tree is None:
        return bound.sql
    tree = bound.tree.copy()
    tables = [t for name in bound.tables if (t := schema.table(name)) is not None]
    _respell_columns(tree, tables, schema.dialect)
    _respell_tables(tree, tables, schema.dialect)
    sql = tree.sql(dialect=schema.dialect, comments=False)
    return sql if sql == bound.sql or bind(sql, schema).valid else bound.sql


def _respell_columns(tree: exp.Expr, tables: list[Table], dialect: str) -> None:
    spellings = _unambiguous([column for table in tables for column in table.columns])
    aliases = {e.alias_or_name.casefold() for e in tree.find_all(exp.Alias, exp.TableAlias)}
    for node in tree.find_all(exp.Column):
        column = spellings.get(node.name.casefold())
        if column is not None and isinstance(node.this, exp.Identifier):
            node.set("this", identifier(column, dialect))
        table = next((t for t in tables if t.name.casefold() == node.table.casefold()), None)
        if table is not None and node.table.casefold() not in aliases:
            node.set("table", identifier(table, dialect))


def _unambiguous(columns: list[Column]) -> dict[str, Column]:
    """Columns by folded name, without names that tables spell differently."""
    found: dict[str, list[Column]] = {}
    for column in columns:
        found.setdefault(column.name.casefold(), []).append(column)
    return {key: same[0] for key, same in found.items() if len({c.name for c in same}) == 1}


def _respell_tables(tree: exp.Expr, tables: list[Table], dialect: str) -> None:
    expressions = {cte.alias.casefold() for cte in tree.find_all(exp.CTE)}
    for node in tree.find_all(exp.Table):
        table = next((t for t in tables if t.name.casefold() == node.name.casefold()), None)
        if table is not None and (node.db or node.name.casefold() not in expressions):
            node.set("this", identifier(table, dialect))
