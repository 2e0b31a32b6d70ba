"""The tokens that the slot format gives a meaning of their own.

Keywords are upper case and carry the spaces that a generator writes around them; text taken from
a user is rendered in lower case and without such spaces, so neither can be taken for the other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from squill.schema import Column

MAX_TABLES = 40
MAX_COLUMNS = 160
MAX_WORDS = 96
MAX_ALIASES = 6

END = "</s>"
QUESTION = "<q>"
ANSWER = "<a>"
PRIMARY_KEY = "<pk>"
FOREIGN_KEY = "<fk>"
PARTIAL = "<in>"
NUMERIC, TEXTUAL, DATED, BOOLEAN = TYPE_MARKERS = ("<num>", "<text>", "<date>", "<bool>")
_TYPES = (
    (re.compile(r"BOOL", re.IGNORECASE), BOOLEAN),
    (re.compile(r"DATE|TIME", re.IGNORECASE), DATED),
    (re.compile(r"INT|REAL|FLOA|DOUB|NUM|DEC|SERIAL|MONEY", re.IGNORECASE), NUMERIC),
    (re.compile(r"CHAR|TEXT|CLOB|STRING|ENUM|UUID", re.IGNORECASE), TEXTUAL),
)

KEYWORDS = (
    *("SELECT ", "SELECT DISTINCT ", " FROM ", " WHERE ", " GROUP BY ", " HAVING ", " ORDER BY "),
    *(" LIMIT ", " OFFSET ", " DESC", " ASC", " NULLS FIRST", " NULLS LAST"),
    *(" JOIN ", " LEFT JOIN ", " CROSS JOIN ", " ON ", " AS ", "WITH "),
    *(" AND ", " OR ", "NOT ", " IN (", " NOT IN (", " IS NULL", " IS NOT NULL", " IS "),
    *(" LIKE ", " NOT LIKE ", " BETWEEN ", "EXISTS(", "NULL", "TRUE", "FALSE"),
    *(" UNION ", " UNION ALL ", " INTERSECT ", " EXCEPT "),
    *("COUNT(*)", "COUNT(", "COUNT(DISTINCT ", "SUM(", "AVG(", "MIN(", "MAX("),
    *("CASE WHEN ", " WHEN ", " THEN ", " ELSE ", " END", "IIF("),
    *("CAST(", " AS REAL)", " AS INTEGER)", " AS TEXT)", "ROUND(", "ABS(", "LENGTH(", "COALESCE("),
    *("SUBSTRING(", "LOWER(", "UPPER(", "TRIM(", "REPLACE(", "INSTR(", "STRFTIME('%Y', "),
    *("STRFTIME('%m', ", "STRFTIME(", "DATE(", "DATETIME(", "JULIANDAY(", "CURRENT_DATE"),
    *("CURRENT_TIMESTAMP", "'now'", "ROW_NUMBER()", "RANK()", " OVER (", "PARTITION BY "),
    *(" = ", " <> ", " > ", " < ", " >= ", " <= ", " + ", " - ", " * ", " / ", " || ", ", "),
)


def table_token(number: int) -> str:
    return f"<t{number}>"


def column_token(number: int) -> str:
    return f"<c{number}>"


def word_token(number: int) -> str:
    return f"<w{number}>"


def alias_token(number: int) -> str:
    return f"<a{number}>"


def type_marker(column: Column) -> str:
    """Empty where the declared type says nothing."""
    return next((mark for pattern, mark in _TYPES if pattern.search(column.type)), "")


def all_tokens() -> list[str]:
    """Every token with a meaning of its own, in the order of their ids from 0."""
    slots = [
        *(table_token(i) for i in range(1, MAX_TABLES + 1)),
        *(column_token(i) for i in range(1, MAX_COLUMNS + 1)),
        *(word_token(i) for i in range(1, MAX_WORDS + 1)),
        *(alias_token(i) for i in range(1, MAX_ALIASES + 1)),
    ]
    markers = [QUESTION, ANSWER, PRIMARY_KEY, FOREIGN_KEY, PARTIAL, *TYPE_MARKERS]
    return [END, *markers, *slots, *KEYWORDS]
