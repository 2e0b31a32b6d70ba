"""Which cells that ran are suggestions that were accepted. Pure functions of text."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.binding import bind
from squill_ipython.connections import with_colons

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.schema import Schema

_MAGIC = re.compile(r"\A%%sql[^\n]*\n(?:--[^\n]*\n)*(.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A query that was put into a cell, and for which tables."""

    question: str
    sql: str
    schema: Schema


def accepted_sql(cell: str, suggestion: Suggestion) -> str:
    """The query of a cell that was made for ``suggestion``, as the user left it; else empty.

    The comment with its question is what ties a cell to it.
    """
    if not re.search(
        rf"^(?:#|--) {re.escape(' '.join(suggestion.question.split()))}$", cell, re.MULTILINE
    ):
        return ""
    for text in _texts(cell):
        sql = text.strip().rstrip(";")
        if sql and bind(sql, suggestion.schema).valid:
            return sql
    return ""


def _texts(cell: str) -> Iterator[str]:
    """What may be the query: the body of a ``%%sql`` cell, else each string of the Python in it."""
    if found := _MAGIC.search(cell):
        yield found[1]
        return
    try:
        tree = ast.parse(cell)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield with_colons(node.value)
