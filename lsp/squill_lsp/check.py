"""Finds the statements of a file that do not fit the schema. Pure; also the base of diagnostics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.binding import bind
from squill.statements import split_statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.schema import Schema

_CHECKED = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of the statement at ``start`` to ``end`` (characters)."""

    start: int
    end: int
    message: str


def check_text(text: str, schema: Schema) -> Iterator[Finding]:
    """Problems of the queries and changes in ``text``; definitions and the like are passed over."""
    for statement in split_statements(text, schema.dialect):
        if statement.head in _CHECKED or statement.text.startswith("("):
            for message in bind(statement.text, schema).problems:
                yield Finding(statement.start, statement.end, message)
