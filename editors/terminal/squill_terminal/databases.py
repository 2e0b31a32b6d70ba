"""What a question can be asked about: SQLite and DuckDB files, or table definitions alone.

A database is opened for reading only, by a process of its own; only what a user asks for is run.
"""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import msgpack

from squill.children import NEUTRAL_FOLDER, own_module
from squill.ddl import parse_schema
from squill.errors import SquillError, UsageError
from squill.schema import Schema, from_wire
from squill.schema_files import DATABASE_HEAD, database_kind, read_sql
from squill_terminal.reader import DUCKDB, SIZE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OPENING_SECONDS = 30.0
"""Until a file whose tables aren't read is given up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may cost: ``rows`` that are fetched, ``seconds`` until it is stopped."""

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
    if kind:
        return DatabaseFile(path, kind)
    return Definitions(read_sql(str(path)), path.name, dialect)


class DatabaseFile:
    """A SQLite or DuckDB file, read by a process of its own (`squill_terminal.reader`).

    One that takes too long is killed, and the next query has a new one.
    """

    can_run = True

    def __init__(self, path: Path, kind: str) -> None:
        """
        Raises:
            UsageError: the file can't be opened, or the package for its kind isn't installed.
        """
        if kind == DUCKDB and find_spec("duckdb") is None:
            raise UsageError(
                f"{path.name} is a DuckDB file. Install its package: pip install duckdb."
            )
        self.name = path.name
        self._command = own_module("squill_terminal.reader", kind, str(path.resolve()))
        self._reader, self.schema = self._started()

    def run(self, sql: str, limits: Limits) -> Rows:
        if self._reader.poll() is not None:
            self._reader, _ = self._started()
        started = time.perf_counter()
        with _killing(self._reader, limits.seconds) as was_killed:
            answer = _exchanged(self._reader, {"sql": sql, "rows": limits.rows})
        if answer is None:
            _end(self._reader)
        if was_killed.is_set():
            raise SquillError(
                f"The query was stopped after {limits.seconds:g} s. Narrow it, or allow more with "
                "--seconds."
            )
        if answer is None:
            raise SquillError("The database's reader ended while it ran the query. Ask again.")
        if "error" in answer:
            raise SquillError(f"The database refuses it: {answer['error']}")
        rows = tuple(tuple(row) for row in answer["rows"])
        return Rows(tuple(answer["columns"]), rows, time.perf_counter() - started, answer["more"])

    def close(self) -> None:
        _end(self._reader)

    def _started(self) -> tuple[subprocess.Popen[bytes], Schema]:
        reader = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the terminal's own process
            cwd=NEUTRAL_FOLDER,
        )
        with _killing(reader, OPENING_SECONDS):
            answer = _exchanged(reader, None)
        if answer is None or "error" in answer:
            _end(reader)
            reason = answer["error"] if answer else "its reader gives no answer"
            raise UsageError(f"{self.name} can't be opened: {reason}.")
        return reader, from_wire(answer["schema"])


def _exchanged(reader: subprocess.Popen[bytes], request: object) -> dict[str, Any] | None:
    """The next answer; None where the reader has ended. One that isn't waited for is killed."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    try:
        if request is not None:
            reader.stdin.write(msgpack.packb(request))
            reader.stdin.flush()
        size = int.from_bytes(reader.stdout.read(SIZE_BYTES), "big")
        answer = msgpack.unpackb(reader.stdout.read(size)) if size else None
        return answer if isinstance(answer, dict) else None
    except (BrokenPipeError, ValueError):
        return None
    except BaseException:
        _end(reader)
        raise


@contextmanager
def _killing(reader: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    """Kill the reader where the body takes longer than it may; the event says so."""
    was_killed = threading.Event()

    def expire() -> None:
        was_killed.set()
        reader.kill()

    timer = threading.Timer(seconds, expire)
    timer.start()
    try:
        yield was_killed
    finally:
        timer.cancel()
        timer.join()


def _end(reader: subprocess.Popen[bytes]) -> None:
    reader.kill()
    reader.communicate()


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
