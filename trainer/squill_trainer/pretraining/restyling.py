"""The names of a schema in another style, so that a model learns no one style."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from squill.schema import ForeignKey, Schema, Table

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PLAIN = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]*\Z")


def _snake(words: list[str]) -> str:
    return "_".join(words)


def _camel(words: list[str]) -> str:
    return words[0] + "".join(word.capitalize() for word in words[1:])


def _pascal(words: list[str]) -> str:
    return "".join(word.capitalize() for word in words)


def _upper(words: list[str]) -> str:
    return "_".join(words).upper()


def _joined(words: list[str]) -> str:
    return "".join(words)


_STYLES = (_snake, _camel, _pascal, _upper, _joined)
_TABLE_PREFIXES = ("", "", "", "", "tbl_", "t_", "app_")


def restyled(schema: Schema, rng: random.Random, *, share: float = 0.4) -> Schema:
    """``schema`` itself, or in a ``share`` of cases with its names written in another style.

    Names with other signs than letters, digits and ``_`` stay; so does everything where two names
    would become one.
    """
    if rng.random() >= share:
        return schema
    for_tables, for_columns = rng.choice(_STYLES), rng.choice(_STYLES)
    if rng.random() < 0.7:
        for_tables = for_columns
    prefix = rng.choice(_TABLE_PREFIXES)

    def table_name(name: str) -> str:
        return _name(prefix + name if _PLAIN.match(name) else name, for_tables)

    def column_name(name: str) -> str:
        return _name(name, for_columns)

    written = replace(
        schema,
        tables=tuple(_table(table, table_name, column_name) for table in schema.tables),
    )
    return written if _is_distinct(written) else schema


def _name(name: str, style: Callable[[list[str]], str]) -> str:
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or not _PLAIN.match(name) or words[0].isdigit():
        return name
    return style(words)


def _table(
    table: Table, table_name: Callable[[str], str], column_name: Callable[[str], str]
) -> Table:
    def key(k: ForeignKey) -> ForeignKey:
        space, _, name = k.table.rpartition(".")
        referred = f"{space}.{table_name(name)}" if space else table_name(name)
        return replace(
            k,
            columns=tuple(map(column_name, k.columns)),
            table=referred,
            referenced_columns=tuple(map(column_name, k.referenced_columns)),
        )

    return replace(
        table,
        name=table_name(table.name),
        columns=tuple(replace(c, name=column_name(c.name)) for c in table.columns),
        foreign_keys=tuple(map(key, table.foreign_keys)),
    )


def _is_distinct(schema: Schema) -> bool:
    names = [table.qualified_name.lower() for table in schema.tables]
    return len(set(names)) == len(names) and all(
        len({c.name.lower() for c in table.columns}) == len(table.columns)
        for table in schema.tables
    )
