"""One question with its answer, whatever data set it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from squill.ddl import parse_schema
from squill.errors import SchemaError

if TYPE_CHECKING:
    from squill.schema import Schema

DIALECT = "sqlite"


@dataclass(frozen=True, slots=True)
class Row:
    """``definitions`` is DDL and ``sql`` one statement, both SQLite's.

    ``database`` is the data set's own name of the table or database; rows of one database always
    land in the same split.
    """

    database: str
    definitions: str
    question: str
    sql: str

    @property
    def schema(self) -> Schema:
        """
        Raises:
            SchemaError: the definitions hold no table.
        """
        return _schema(self.definitions)


@lru_cache(maxsize=512)
def _schema(definitions: str) -> Schema:
    schema = parse_schema(definitions, DIALECT).schema
    if not schema.tables:
        raise SchemaError("The definitions hold no table.")
    return schema


def quoted(name: str) -> str:
    """An identifier of SQLite."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A number as it is, anything else as SQLite's text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"
