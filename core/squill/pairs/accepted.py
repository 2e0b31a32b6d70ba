"""``.squill/accepted.jsonl``: the pairs that a user kept, one JSON line each, oldest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from squill.errors import UsageError
from squill.pairs.files import ACCEPTED_FILE, append, rewrite, without_lines
from squill.pairs.lines import to_line
from squill.pairs.own import line_digest, record_own

if TYPE_CHECKING:
    from pathlib import Path

    from squill.schema import Schema


def keep(
    workspace: Path,
    question: str,
    sql: str,
    dialect: str,
    schema: Schema | str | None = None,
    *,
    edited: bool = False,
    in_place_of: bytes = b"",
) -> bytes:
    """Keep a question with the SQL that answers it, to be learned from.

    ``schema`` (tables, or DDL text) is given where the workspace's own files do not define what
    the SQL names. ``edited``: a suggestion that the user corrected. ``in_place_of`` is the line of
    an earlier call that this one replaces. Nothing is checked here: whoever reads the pairs does.
    Safe in several processes at once. It waits for the disk: keep it off an event loop.

    Returns the line that was written.

    Raises:
        UsageError: question or SQL is empty.
        SquillError: the file cannot be written.
    """
    question, sql = " ".join(question.split()), sql.strip()
    if not question or not sql:
        raise UsageError("A pair needs a question and the SQL that answers it.")
    ddl = schema if isinstance(schema, str) else _definitions(schema)
    line = to_line(question, sql, dialect=dialect, ddl=ddl, kept=datetime.now(UTC), edited=edited)
    record_own(workspace, [line_digest(line)])
    append(workspace / ACCEPTED_FILE, line)
    if in_place_of:
        withdraw(workspace, in_place_of)
    return line


def withdraw(workspace: Path, line: bytes) -> None:
    """Remove what `keep` wrote; nothing where it is gone already.

    Raises:
        SquillError: the file cannot be written.
    """
    path = workspace / ACCEPTED_FILE
    if path.exists():
        rewrite(path, lambda content: without_lines(content, {line.rstrip(b"\n")}))


def _definitions(schema: Schema | None) -> str:
    if schema is None:
        return ""
    from squill.pairs.definitions import definitions  # it needs sqlglot, most callers do not

    return definitions(schema)
