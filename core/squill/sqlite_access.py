"""SQLite files opened so that a statement can read them and do nothing else.

A connection that is read-only isn't enough: ``ATTACH`` opens or creates other files, and a
``PRAGMA`` takes ``query_only`` back. SQLite asks the authorizer about each thing that a statement
would do; what isn't on the list of reads is refused when the statement is prepared.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_VALUE = 50_000_000
"""Bytes of one text or blob; one call that would make a longer one can't be interrupted."""
LONGEST_STATEMENT = 1_000_000
"""Bytes."""
MOST_MEMORY = 1_000_000_000
"""Bytes that SQLite may take."""

_ACTIONS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
_PRAGMAS = frozenset(
    (
        "collation_list",
        "compile_options",
        "database_list",
        "foreign_key_list",
        "function_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "module_list",
        "pragma_list",
        "table_info",
        "table_list",
        "table_xinfo",
    )
)
"""What they are given is a name to look up."""
_VALUES = frozenset(
    (
        "application_id",
        "encoding",
        "freelist_count",
        "page_count",
        "page_size",
        "schema_version",
        "user_version",
    )
)
"""Those that read a value, and would set it if they were given one."""
_FUNCTIONS = frozenset(["edit", "fts3_tokenizer", "load_extension", "readfile", "writefile"])
"""Functions that reach files or code; most are only in SQLite's shell."""


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection to an existing file that only reads it. Bytes that aren't UTF-8 are escaped.

    It isn't ``immutable``: beside a program that writes, that would give wrong rows.

    Raises:
        sqlite3.Error: the file can't be opened.
    """
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    connection.text_factory = lambda raw: raw.decode(errors="backslashreplace")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA hard_heap_limit = {MOST_MEMORY}")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, LONGEST_STATEMENT)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.set_authorizer(_verdict)
    return connection


def _verdict(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if _is_read(action, first, second) else sqlite3.SQLITE_DENY


def _is_read(action: int, first: str | None, second: str | None) -> bool:
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        return name in _PRAGMAS or (name in _VALUES and second is None)
    if action == sqlite3.SQLITE_FUNCTION:
        return (second or "").lower() not in _FUNCTIONS
    # SQLite reads a table-valued function's declaration as if it were added to the schema. A
    # statement that would really change sqlite_master needs a PRAGMA that isn't allowed.
    declares = action == sqlite3.SQLITE_UPDATE and first == "sqlite_master"
    return action in _ACTIONS or declares
