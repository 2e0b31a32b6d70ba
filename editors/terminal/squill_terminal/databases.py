"""What a question can be asked about: SQLite and DuckDB files, or table definitions alone.

A database is opened for reading only, and only what a user asks for is run.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from squill.ddl import parse_schema
from squill.errors import SquillError, UsageError
from squill.schema_files import DATABASE_HEAD, database_kind, read_sql
from squill_terminal.definitions import of_duckdb, of_sqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from squill.schema import Schema


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may cost: ``rows`` that are fetched, ``seconds`` until it is interrupted."""

    rows: int = 100
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Rows:
    """A result, and the seconds that it took. ``more``: there were more rows than were fetched."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    seconds: float
    more: bool


class Database(Protocol):
    """``schema`` is as it was when it was opened; ``can_run`` is false where there are no rows."""

    name: str
    schema: Schema
    can_run: bool

    def run(self, sql: str, limits: Limits, /) -> Rows:
        """
        Raises:
            SquillError: the database refuses the statement, or it takes too long.
        """

    def close(self) -> None: ...


def open_database(path: Path | None, folder_text: Callable[[], str], dialect: str = "") -> Database:
    """By the file's content, not its name; without one the definitions that the folder holds.

    Raises:
        UsageError: there is no such file, or it is neither a database nor SQL.
    """
    if path is None:
        return Definitions(folder_text(), "the tables of this folder", dialect)
    try:
        with path.open("rb") as file:
            head = file.read(DATABASE_HEAD)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}. Name a file that can be read.") from error
    kind = database_kind(head)
    if kind == "SQLite":
        return SqliteDatabase(path)
    if kind == "DuckDB":
        return DuckdbDatabase(path)
    return Definitions(read_sql(str(path)), path.name, dialect)


class SqliteDatabase:
    can_run = True

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        self._connection.execute("PRAGMA query_only = ON")
        self.schema = of_sqlite(self._connection)

    def run(self, sql: str, limits: Limits) -> Rows:
        try:
            with interrupting(self._connection.interrupt, limits.seconds) as clock:
                return fetched(self._connection.execute(sql), limits, clock)
        except sqlite3.Error as error:
            raise refused(error, clock, limits) from error

    def close(self) -> None:
        self._connection.close()


class DuckdbDatabase:
    can_run = True

    def __init__(self, path: Path) -> None:
        """
        Raises:
            UsageError: the package duckdb is not installed, or cannot read the file.
        """
        try:
            import duckdb
        except ImportError as error:
            raise UsageError(
                f"{path.name} is a DuckDB file. Install its package: pip install duckdb."
            ) from error
        self.name = path.name
        self._errors = duckdb.Error
        try:
            self._connection = duckdb.connect(str(path), read_only=True)
        except duckdb.Error as error:
            raise UsageError(f"{path.name} cannot be opened: {error}") from error
        # Other files, and the network, stay out of reach of a query.
        self._connection.execute("SET enable_external_access = false")
        self.schema = of_duckdb(self._connection)

    def run(self, sql: str, limits: Limits) -> Rows:
        try:
            with interrupting(self._connection.interrupt, limits.seconds) as clock:
                return fetched(self._connection.execute(sql), limits, clock)
        except self._errors as error:
            raise refused(error, clock, limits) from error

    def close(self) -> None:
        self._connection.close()


class Definitions:
    """Tables without rows: questions get their query, and nothing can be run."""

    can_run = False

    def __init__(self, text: str, name: str, dialect: str) -> None:
        self.name = name
        self.schema = parse_schema(text, dialect).schema
        if not self.schema.tables:
            raise UsageError(f"There are no table definitions in {name}. Name another file.")

    def run(self, _: str, __: Limits) -> Rows:
        raise UsageError(f"{self.name} has no rows. Open a SQLite or DuckDB file to run queries.")

    def close(self) -> None: ...


@dataclass(slots=True)
class Clock:
    started: float
    is_over: bool = False


@contextmanager
def interrupting(interrupt: Callable[[], None], seconds: float) -> Iterator[Clock]:
    """Call ``interrupt``, on a thread of its own, where the body takes longer than it may."""
    clock = Clock(time.perf_counter())

    def expire() -> None:
        clock.is_over = True
        interrupt()

    timer = threading.Timer(seconds, expire)
    timer.start()
    try:
        yield clock
    finally:
        timer.cancel()
        timer.join()


def fetched(cursor: Any, limits: Limits, clock: Clock) -> Rows:
    """What a DB-API cursor has, one row more asked for than is kept."""
    columns = tuple(str(column[0]) for column in cursor.description or ())
    rows = cursor.fetchmany(limits.rows + 1) if columns else []
    seconds = time.perf_counter() - clock.started
    kept = tuple(tuple(row) for row in rows[: limits.rows])
    return Rows(columns, kept, seconds, len(rows) > limits.rows)


def refused(error: Exception, clock: Clock, limits: Limits) -> SquillError:
    if clock.is_over:
        return SquillError(
            f"The query was stopped after {limits.seconds:g} s. Narrow it, or allow more with "
            "--seconds."
        )
    return SquillError(f"The database refuses it: {str(error).strip().splitlines()[0]}")
