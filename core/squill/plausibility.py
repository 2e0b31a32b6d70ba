"""Whether a query that binds can mean anything: a number is not compared with a word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from squill.binding import Binding
    from squill.schema import Schema

_NUMERIC = re.compile(r"^\W*(?:\w*INT|SERIAL|REAL|FLOA|DOUB|NUM|DEC|MONEY)", re.IGNORECASE)
_HAS_DIGIT = re.compile(r"\d")
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


def implausible(bound: Binding, schema: Schema) -> str:
    """Why the query of a valid ``bound`` cannot be what was meant, or an empty text.

    Most databases refuse to compare a numeric column with a text that has no digit in it; SQLite
    answers with no rows. Columns that tables of the query type differently are passed over.
    """
    if bound.tree is None:
        return ""
    numeric = _numeric_columns(bound, schema)
    for comparison in bound.tree.find_all(*_COMPARISONS):
        sides = (comparison.this, comparison.expression)
        for column, literal in (sides, sides[::-1]):
            if (
                isinstance(column, exp.Column)
                and isinstance(literal, exp.Literal)
                and literal.is_string
                and column.name.casefold() in numeric
                and not _HAS_DIGIT.search(literal.name)
            ):
                return f"`{column.name}` holds numbers, and {literal.sql()} is none."
    return ""


def _numeric_columns(bound: Binding, schema: Schema) -> set[str]:
    tables = [t for name in bound.tables if (t := schema.table(name)) is not None]
    kinds: dict[str, set[bool]] = {}
    for table in tables:
        for column in table.columns:
            is_numeric = bool(_NUMERIC.search(column.type))
            kinds.setdefault(column.name.casefold(), set()).add(is_numeric)
    return {name for name, kind in kinds.items() if kind == {True}}
