"""Which cells that ran are suggestions that were accepted. Pure functions of text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.binding import bind

if TYPE_CHECKING:
    from squill.schema import Schema

_QUOTED = re.compile(r'"""\s*(.*?)\s*"""', re.DOTALL)
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
    if not re.search(rf"^(?:#|--) {re.escape(suggestion.question)}$", cell, re.MULTILINE):
        return ""
    found = _MAGIC.search(cell) or _QUOTED.search(cell)
    sql = found.group(1).strip().rstrip(";") if found else ""
    return sql if sql and bind(sql, suggestion.schema).valid else ""
