"""A schema as DDL text, the form in which a pair carries its own tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from squill.schema import Column, ForeignKey, Schema, Table


def definitions(schema: Schema) -> str:
    """CREATE TABLE statements that `squill.ddl` reads back as the same schema, in its dialect.

    A view becomes a table with its columns, since the schema does not hold its query.
    """
    return "\n".join(line for table in schema.tables for line in _table(table, schema.dialect))


def _table(table: Table, dialect: str) -> Iterator[str]:
    name = _named(table, dialect)
    if table.namespace:
        name = f"{_quoted(table.namespace.split('.'), dialect, '.')}.{name}"
    kind = "TEMPORARY TABLE" if table.kind == "temporary" else "TABLE"
    keys = [*_primary_key(table, dialect), *(_key(k, dialect) for k in table.foreign_keys)]
    yield f"CREATE {kind} {name} ("
    yield from _columns(table.columns, dialect, more=bool(keys))
    if keys:
        yield "  " + ",\n  ".join(keys)
    yield ");"
    if table.comment:
        text = exp.Literal.string(" ".join(table.comment.split())).sql(dialect=dialect)
        yield f"COMMENT ON TABLE {name} IS {text};"


def _columns(columns: tuple[Column, ...], dialect: str, *, more: bool) -> Iterator[str]:
    for number, column in enumerate(columns, 1):
        comma = "," if more or number < len(columns) else ""
        comment = f" -- {' '.join(column.comment.split())}" if column.comment else ""
        yield f"  {f'{_named(column, dialect)} {column.type}'.rstrip()}{comma}{comment}"


def _primary_key(table: Table, dialect: str) -> Iterator[str]:
    names = [column.name for column in table.columns if column.primary_key]
    if names:
        yield f"PRIMARY KEY ({_quoted(names, dialect)})"


def _key(key: ForeignKey, dialect: str) -> str:
    target = _quoted(key.table.split("."), dialect, ".")
    columns = f" ({_quoted(key.referenced_columns, dialect)})" if key.referenced_columns else ""
    return f"FOREIGN KEY ({_quoted(key.columns, dialect)}) REFERENCES {target}{columns}"


def _named(item: Column | Table, dialect: str) -> str:
    """A name as its definition wrote it: with quotes or without."""
    return _quoted([item.name], dialect) if item.quoted else item.name


def _quoted(names: Iterable[str], dialect: str, separator: str = ", ") -> str:
    return separator.join(
        exp.to_identifier(name, quoted=True).sql(dialect=dialect) for name in names
    )
