"""Questions with their known answers, as evaluation reads them from a file."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from squill.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIELDS = ("id", "db_id", "schema", "question", "sql")

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Question:
    """``schema`` is DDL in SQLite's dialect; ``sql`` the wanted query, called gold in figures."""

    id: str
    db_id: str
    schema: str
    question: str
    sql: str


def read_questions(path: Path, limit: int | None = None) -> list[Question]:
    """The first ``limit`` questions of a JSON Lines file, gzipped or not.

    Raises:
        UsageError: naming the line that is no question, or whose id is there twice.
    """
    found: dict[str, Question] = {}
    for number, line in enumerate(_lines(path), start=1):
        if limit is not None and len(found) >= limit:
            break
        if not line.strip():
            continue
        question = _question(line, f"{path}: line {number}")
        if question.id in found:
            raise UsageError(f"{path}: line {number}: the id {question.id!r} is there twice.")
        found[question.id] = question
    if not found:
        raise UsageError(f"{path} holds no questions. Give a JSON Lines file, one object a line.")
    return list(found.values())


def _lines(path: Path) -> Iterator[str]:
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        yield from content.decode("utf-8-sig").split("\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}). Correct the path or file.") from error


def _question(line: str, place: str) -> Question:
    try:
        row: Any = json.loads(line)
        return Question(**{name: _text(row, name) for name in FIELDS})
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{place} is not an object with the texts {', '.join(FIELDS)} ({error})."
        ) from error


def _text(row: Any, name: str) -> str:
    value = str(row[name]) if name == "id" else row[name]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be a text that is not empty")
    return value


def digest(questions: list[Question]) -> str:
    """Names the questions and their gold queries, so that figures can be told apart."""
    texts = [[getattr(question, name) for name in FIELDS] for question in questions]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
