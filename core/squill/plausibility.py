"""Whether a query that binds can mean anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill.binding import Binding
    from squill.schema import ForeignKey, Schema, Table

_NUMERIC = re.compile(r"^\W*(?:\w*INT|SERIAL|REAL|FLOA|DOUB|NUM|DEC|MONEY)", re.IGNORECASE)
_TEXT = re.compile(r"CHAR|TEXT|STRING|CLOB", re.IGNORECASE)
_HAS_DIGIT = re.compile(r"\d")
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


def implausible(bound: Binding, schema: Schema) -> str:
    """Why the query of a valid ``bound`` cannot be what was meant, or an empty text.

    Most databases refuse to compare a numeric column with a text that has no digit in it, or with
    a column of texts; SQLite answers with no rows. Columns that tables of the query type
    differently, or that a foreign key joins, are passed over. Nobody asks for a column twice, for
    rows whose column has two values, or whether a column is equal to itself.
    """
    if bound.tree is None:
        return ""
    tables = [t for name in bound.tables if (t := schema.table(name)) is not None]
    numeric, texts = (_columns_of(kind, tables) for kind in (_NUMERIC, _TEXT))
    keys = _foreign_keys(tables, schema)
    comparisons = list(bound.tree.find_all(*_COMPARISONS))
    problems = (
        *(_word_for_number(comparison, numeric) for comparison in comparisons),
        *(_columns_at_odds(comparison, numeric, texts, keys) for comparison in comparisons),
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


def _columns_at_odds(
    comparison: exp.Expr, numeric: set[str], texts: set[str], keys: set[frozenset[str]]
) -> str:
    left, right = comparison.this, comparison.expression
    if not (isinstance(left, exp.Column) and isinstance(right, exp.Column)):
        return ""
    if left == right:
        return f"It compares `{left.sql()}` with itself."
    if frozenset((left.name.casefold(), right.name.casefold())) in keys:
        return ""
    for number, text in ((left, right), (right, left)):
        if number.name.casefold() in numeric and text.name.casefold() in texts:
            return f"`{number.sql()}` holds numbers, and `{text.sql()}` texts."
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


def _foreign_keys(tables: Sequence[Table], schema: Schema) -> set[frozenset[str]]:
    """The names of the columns on both sides of each key of the tables."""
    return {
        frozenset((own.casefold(), referred.casefold()))
        for table in tables
        for key in table.foreign_keys
        for own, referred in zip(key.columns, _referred(key, schema), strict=False)
    }


def _referred(key: ForeignKey, schema: Schema) -> tuple[str, ...]:
    parent = schema.table(key.table)
    own = parent.columns if parent else ()
    return key.referenced_columns or tuple(c.name for c in own if c.primary_key)


def _columns_of(kind: re.Pattern[str], tables: Sequence[Table]) -> set[str]:
    """Names of the columns that are of that type in all the tables that have them."""
    fitting: dict[str, set[bool]] = {}
    for table in tables:
        for column in table.columns:
            fits = bool(kind.search(column.type))
            fitting.setdefault(column.name.casefold(), set()).add(fits)
    return {name for name, fits in fitting.items() if fits == {True}}
