"""Which files define tables: those that are named, else the workspace's, by the settings' globs."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from squill.encoding import decoded, undecodable
from squill.errors import UsageError
from squill.globs import compile_globs
from squill.trust import is_inside, is_trusted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from squill.settings import Report, WorkspaceSettings

DATABASE_HEAD = 16
"""Bytes of a file that tell whether it is a database."""

_SQLITE_MAGIC = b"SQLite format 3\x00"
_DUCKDB_MAGIC = b"DUCK"
_DUCKDB_MAGIC_AT = 8


def find_schema_files(
    folder: Path, settings: WorkspaceSettings, *, trusted: bool | None = None
) -> Iterator[Path]:
    """Paths under ``folder`` in no order; nothing is read. Excluded folders are not entered.

    A link that leads out of an untrusted folder is passed over; ``trusted`` None asks the user's
    list (`squill.trust`).
    """
    trusted = is_trusted(folder) if trusted is None else trusted
    wanted = compile_globs(settings.schema_files)
    excluded = compile_globs(settings.exclude)
    for place, subfolders, names in os.walk(folder):
        relative = Path(place).relative_to(folder)
        # A folder whose every file is excluded is never entered.
        subfolders[:] = [
            name
            for name in subfolders
            if not excluded.fullmatch((relative / name / "x").as_posix())
        ]
        for name in names:
            path = (relative / name).as_posix()
            if not wanted.fullmatch(path) or excluded.fullmatch(path):
                continue
            if trusted or is_inside(Path(place) / name, folder):
                yield Path(place) / name


def schema_texts(
    named: Sequence[str], folder: Path, settings: WorkspaceSettings, report: Report
) -> dict[str, str]:
    """The texts of the files ``named`` on a command line, ``-`` being standard input.

    Where none is named, those of ``folder``, in the order of their paths. ``report`` receives one
    sentence for each of these that is left out, because it can't be decoded.

    Raises:
        UsageError: a file cannot be read, or there is none.
    """
    if named:
        return {name: read_sql(name) for name in named}
    texts: dict[str, str] = {}
    for path in sorted(find_schema_files(folder, settings)):
        if not path.is_file() or path.stat().st_size > settings.max_file_bytes:
            continue
        name, content = str(path.relative_to(folder)), _content(path)
        try:
            texts[name] = decoded(content)
        except UnicodeDecodeError as error:
            report(undecodable(name, content, error))
    if not texts:
        raise UsageError(
            f"There are no table definitions in {folder}. Name a file with --schema FILE."
        )
    return texts


def read_sql(name: str) -> str:
    """
    Raises:
        UsageError: the file cannot be read, or is no text.
    """
    content = sys.stdin.buffer.read() if name == "-" else _content(Path(name))
    if advice := _database_advice(name, content):
        raise UsageError(advice)
    try:
        return decoded(content)
    except UnicodeDecodeError as error:
        raise UsageError(undecodable(name, content, error)) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}. Name a file that can be read.") from error


def _database_advice(name: str, content: bytes) -> str:
    """What to do with a file that is a database; empty for any other."""
    if not (kind := database_kind(content)):
        return ""
    if name == "-":
        return f"Standard input is a {kind} database, not SQL. `squill repl FILE` reads one."
    file = shlex.quote(name)
    advice = f"{name} is a {kind} database, not SQL. Ask it with `squill repl {file}`"
    if kind != "SQLite":
        return f"{advice}."
    return f"{advice}, or pass on its tables: `sqlite3 {file} .schema | squill ask --schema - …`."


def database_kind(head: bytes) -> str:
    """ "SQLite" or "DuckDB", by a file's first 16 bytes or more; empty for what is neither."""
    if head.startswith(_SQLITE_MAGIC):
        return "SQLite"
    return "DuckDB" if head[_DUCKDB_MAGIC_AT:].startswith(_DUCKDB_MAGIC) else ""
