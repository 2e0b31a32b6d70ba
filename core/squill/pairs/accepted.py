"""``.squill/accepted.jsonl``: the pairs that a user kept, one JSON line each, oldest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from squill.errors import UsageError
from squill.pairs.files import ACCEPTED_FILE, append
from squill.pairs.lines import to_line

if TYPE_CHECKING:
    from pathlib import Path

    from squill.schema import Schema


def keep(
    workspace: Path, question: str, sql: str, dialect: str, schema: Schema | str | None = None
) -> None:
    """Keep a question with the SQL that answers it, to be learned from.

    ``schema`` (tables, or DDL text) is given where the workspace's own files do not define what
    the SQL names. Nothing is checked here: whoever reads the pairs does. Safe in several processes
    at once. It waits for the disk: keep it off an event loop.

    Raises:
        UsageError: question or SQL is empty.
        SquillError: the file cannot be written.
    """
    question, sql = " ".join(question.split()), sql.strip()
    if not question or not sql:
        raise UsageError("A pair needs a question and the SQL that answers it.")
    ddl = schema if isinstance(schema, str) else _definitions(schema)
    line = to_line(question, sql, dialect=dialect, ddl=ddl, kept=datetime.now(UTC))
    append(workspace / ACCEPTED_FILE, line)


def _definitions(schema: Schema | None) -> str:
    if schema is None:
        return ""
    from squill.pairs.definitions import definitions  # it needs sqlglot, most callers do not

    return definitions(schema)
