"""Whether two queries give the same result on a SQLite database, opened for reading only."""

from __future__ import annotations

import math
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from squill.sqlite_access import open_for_reading

if TYPE_CHECKING:
    from pathlib import Path

Row = tuple[Any, ...]

_STEPS_BETWEEN_LOOKS = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What running a query came to: rows, or the database's error. ``cut``: there are more rows."""

    rows: tuple[Row, ...] = ()
    error: str = ""
    cut: bool = False


class Database:
    """One SQLite file. Queries are bounded in time (seconds) and in rows, and write nothing."""

    def __init__(self, path: Path, *, seconds: float = 5.0, most_rows: int = 50_000) -> None:
        self._connection = open_for_reading(path)
        self._seconds = seconds
        self._most_rows = most_rows

    def run(self, sql: str) -> Outcome:
        """Never raises on a query; one that takes too long or is wrong has an error."""
        deadline = time.monotonic() + self._seconds
        self._connection.set_progress_handler(
            lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS
        )
        try:
            with closing(self._connection.execute(sql)) as cursor:
                rows = tuple(cursor.fetchmany(self._most_rows))
                return Outcome(rows, cut=bool(rows) and cursor.fetchone() is not None)
        except (sqlite3.Error, sqlite3.Warning) as error:
            return Outcome(error=str(error) or type(error).__name__)

    @cached_property
    def has_rows(self) -> bool:
        """Whether any of its tables has a row; without one, most queries give the same."""
        names = self.run("SELECT name FROM sqlite_master WHERE type = 'table'").rows
        quoted = (str(name).replace('"', '""') for (name,) in names)
        return any(self.run(f'SELECT 1 FROM "{name}" LIMIT 1').rows for name in quoted)  # noqa: S608

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def without_case(sql: str) -> str:
    """The SQLite query with texts compared whatever their letter case.

    Values in questions often differ in case from those in the database.
    """
    try:
        tree = sqlglot.parse_one(sql, dialect="sqlite")
    except (SqlglotError, RecursionError):
        return sql
    compared = [node.this for node in tree.find_all(exp.EQ, exp.NEQ, exp.In)]
    for operand in compared:  # SQLite takes the collation of the left one
        nocase = exp.Var(this="NOCASE")
        operand.replace(exp.Collate(this=operand.copy(), expression=nocase))
    return tree.sql(dialect="sqlite")


def compare(predicted: Outcome, gold: Outcome, gold_sql: str) -> bool:
    """Whether both hold the same rows: text without case, order only where the gold query orders.

    Columns are compared in their order; a result that is an error or was cut matches nothing.
    """
    if predicted.error or gold.error or predicted.cut or gold.cut:
        return False
    own = [tuple(map(_plain, row)) for row in predicted.rows]
    wanted = [tuple(map(_plain, row)) for row in gold.rows]
    return own == wanted if _is_ordered(gold_sql) else Counter(own) == Counter(wanted)


def _plain(value: Any) -> Any:
    match value:
        case str():
            return _number(value.strip().casefold())
        case int() | float():
            return _rounded(float(value))
    return value


def _number(text: str) -> Any:
    """A text that spells a number equals the number, as SQLite's own comparison would have it."""
    try:
        value = float(text)
    except ValueError:
        return text
    return _rounded(value) if math.isfinite(value) else text


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _is_ordered(sql: str) -> bool:
    try:
        tree = sqlglot.parse_one(sql, dialect="sqlite")
    except SqlglotError:
        return " order by " in sql.lower()
    return isinstance(tree, exp.Query) and tree.args.get("order") is not None
