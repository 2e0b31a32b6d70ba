"""The table definitions that a live connection has, by any of the drivers that notebooks use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from squill.ddl import parse_schema
from squill.dialects import canonical_dialect
from squill.errors import UsageError
from squill.schema import Column, ForeignKey, Schema, Table

if TYPE_CHECKING:
    import sqlite3

_SQLITE = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
_DUCKDB = (
    "SELECT sql FROM duckdb_tables() UNION ALL SELECT sql FROM duckdb_views() WHERE NOT internal"
)


def of_sqlite(connection: sqlite3.Connection) -> Schema:
    """By the statements that made the tables, comments included."""
    return _parsed(connection.execute(_SQLITE).fetchall(), "sqlite")


def of_duckdb(connection: Any) -> Schema:
    return _parsed(connection.execute(_DUCKDB).fetchall(), "duckdb")


def _parsed(rows: list[tuple[str]], dialect: str) -> Schema:
    text = "\n".join(f"{sql.rstrip().rstrip(';')};" for (sql,) in rows)
    return parse_schema(text, dialect).schema


def of_sqlalchemy(connectable: Any) -> Schema:
    """Of an engine or a connection, by reflection.

    Raises:
        UsageError: Squill knows no dialect of that name.
    """
    import sqlalchemy

    dialect = canonical_dialect(connectable.dialect.name)
    if dialect is None:
        raise UsageError(f"Squill writes no SQL for {connectable.dialect.name}.")
    inspector = sqlalchemy.inspect(connectable)
    names = [*inspector.get_table_names(), *inspector.get_view_names()]
    return Schema(tuple(_reflected(inspector, name) for name in names), dialect)


def _reflected(inspector: Any, name: str) -> Table:
    keys = set(inspector.get_pk_constraint(name).get("constrained_columns") or ())
    columns = tuple(
        Column(column["name"], _type_text(column["type"]), primary_key=column["name"] in keys)
        for column in inspector.get_columns(name)
    )
    foreign = tuple(
        ForeignKey(
            tuple(key["constrained_columns"]), key["referred_table"], tuple(key["referred_columns"])
        )
        for key in inspector.get_foreign_keys(name)
    )
    return Table(name, columns, foreign_keys=foreign)


def _type_text(kind: Any) -> str:
    """A type that the dialect cannot spell (one of SQLite's free texts) has none."""
    return "" if type(kind).__name__ == "NullType" else str(kind)
