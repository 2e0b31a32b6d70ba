"""The process that reads one database: ``python -m squill_terminal.reader KIND PATH``.

It is a process of its own so that a query can be ended whatever it does: one call of a function
inside SQLite can't be interrupted. Messages are MessagePack on standard input and output: first
the schema, then for each request its rows; before each reply stands its size. A reply may be
``{"error": …}`` instead.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgpack

from squill.schema import to_wire
from squill.sqlite_access import open_for_reading
from squill_terminal.definitions import of_duckdb, of_sqlite

if TYPE_CHECKING:
    from collections.abc import Callable

SQLITE, DUCKDB = "SQLite", "DuckDB"
SIZE_BYTES = 8
"""Before each reply: its size, big-endian."""

_DUCKDB_SETTINGS = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET temp_directory = ''",
    "SET memory_limit = '2GB'",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
"""Other files, the network and these settings stay out of a query's reach."""


def main(arguments: list[str]) -> None:
    kind, path = arguments
    opened: Callable[[Path], Any] = _Sqlite if kind == SQLITE else _Duckdb
    requests = _requests(sys.stdin.buffer)
    try:
        database = opened(Path(path))
        _reply({"schema": to_wire(database.schema)})
    except Exception as error:  # noqa: BLE001 (a driver's own; the parent words it)
        _reply({"error": _first_line(error)})
        return
    while True:
        request = requests.get()
        try:
            _reply(database.run(request["sql"], request["rows"]))
        except Exception as error:  # noqa: BLE001 (as above)
            _reply({"error": _first_line(error)})


def _requests(source: BinaryIO) -> queue.SimpleQueue[Any]:
    """What arrives, read on a thread: where the parent has gone, a running query ends as well."""
    arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read() -> None:
        for request in msgpack.Unpacker(source, read_size=1):
            arrived.put(request)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return arrived


def _reply(message: dict[str, Any]) -> None:
    packed: bytes = msgpack.packb(message)
    sys.stdout.buffer.write(len(packed).to_bytes(SIZE_BYTES, "big") + packed)
    sys.stdout.buffer.flush()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class _Sqlite:
    def __init__(self, path: Path) -> None:
        self._connection = open_for_reading(path)
        self.schema = of_sqlite(self._connection)

    def run(self, sql: str, most: int) -> dict[str, Any]:
        try:
            return _fetched(self._connection.execute(sql), most)
        except sqlite3.DatabaseError as error:
            if "not authorized" in str(error) or "prohibited" in str(error):
                raise ValueError("it would do more than read") from error
            raise


class _Duckdb:
    def __init__(self, path: Path) -> None:
        import duckdb

        self._duckdb = duckdb
        self._connection = duckdb.connect(str(path), read_only=True)
        for setting in _DUCKDB_SETTINGS:
            self._connection.execute(setting)
        self.schema = of_duckdb(self._connection)

    def run(self, sql: str, most: int) -> dict[str, Any]:
        statements = self._duckdb.extract_statements(sql)
        reads = (self._duckdb.StatementType.SELECT, self._duckdb.StatementType.EXPLAIN)
        if len(statements) != 1:
            raise ValueError("give one statement at a time")
        if statements[0].type not in reads:
            raise ValueError("it would do more than read")
        return _fetched(self._connection.execute(statements[0]), most)


def _fetched(cursor: Any, most: int) -> dict[str, Any]:
    """At most ``most`` rows of a DB-API cursor, and whether there are more."""
    columns = [str(column[0]) for column in cursor.description or ()]
    rows = cursor.fetchmany(most + 1) if columns else []
    kept = [[_plain(value) for value in row] for row in rows[:most]]
    return {"columns": columns, "rows": kept, "more": len(rows) > most}


def _plain(value: Any) -> Any:
    """As MessagePack can carry it; what it can't is shown as text all the same."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    return str(value)


if __name__ == "__main__":
    main(sys.argv[1:])
