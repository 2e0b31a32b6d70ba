"""Whether a query that binds can mean anything."""

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
    Nobody asks for a column twice, or for rows whose column has two values.
    """
    if bound.tree is None:
        return ""
    numeric = _numeric_columns(bound, schema)
    problems = (
        *(_word_for_number(c, numeric) for c in bound.tree.find_all(*_COMPARISONS)),
        *(_named_twice(select) for select in bound.tree.find_all(exp.Select)),
        *(_two_values(where) for where in bound.tree.find_all(exp.Where)),
    )
    return next(filter(None, problems), "")


def _word_for_number(comparison: exp.Expr, numeric: set[str]) -> str:
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


def _named_twice(select: exp.Select) -> str:
    columns = [c for c in select.expressions if isinstance(c, exp.Column)]
    repeated = next((c for i, c in enumerate(columns) if c in columns[:i]), None)
    return f"It shows `{repeated.name}` twice." if repeated is not None else ""


def _two_values(where: exp.Where) -> str:
    condition = where.this
    values: dict[exp.Expr, exp.Expr] = {}
    for part in condition.flatten() if isinstance(condition, exp.And) else ():
        if isinstance(part, exp.EQ) and isinstance(part.expression, exp.Literal):
            known = values.setdefault(part.this, part.expression)
            if known != part.expression:
                values_said = f"{known.sql()} and {part.expression.sql()}"
                return f"`{part.this.sql()}` cannot be both {values_said}."
    return ""


def _numeric_columns(bound: Binding, schema: Schema) -> set[str]:
    tables = [t for name in bound.tables if (t := schema.table(name)) is not None]
    kinds: dict[str, set[bool]] = {}
    for table in tables:
        for column in table.columns:
            is_numeric = bool(_NUMERIC.search(column.type))
            kinds.setdefault(column.name.casefold(), set()).add(is_numeric)
    return {name for name, kind in kinds.items() if kind == {True}}
