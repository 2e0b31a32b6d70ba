"""Pairs as JSON lines: ``{"question", "sql"}`` with, where it is known, ``schema`` and more."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from squill.dialects import DIALECTS, canonical_dialect
from squill.pairs.files import BOM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FORM = 'Write {"question": "…", "sql": "…"}, on one line.'


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line (from 1) of a file says, right in form. ``ddl`` is the line's own schema.

    ``raw`` is the line itself, without its end; empty for a statement of an example file.
    """

    line: int
    question: str
    sql: str
    dialect: str = ""
    ddl: str = ""
    kept: datetime | None = None
    raw: bytes = b""
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that says nothing that can be used."""

    line: int
    reason: str


def read_lines(data: bytes) -> Iterator[Entry | Broken]:
    """Every line that is not empty."""
    lines = data.removeprefix(BOM).split(b"\n")
    for number, raw in enumerate(lines, 1):
        if raw.strip():
            yield _read(raw, number, is_cut=number == len(lines))


def _read(raw: bytes, number: int, *, is_cut: bool) -> Entry | Broken:
    try:
        data = json.loads(raw.decode())
    except UnicodeDecodeError as error:
        return Broken(number, f"This line is not UTF-8 (byte {error.start}). Convert it.")
    except (ValueError, RecursionError) as error:
        trouble = "The last line is cut off" if is_cut else "This is no JSON"
        return Broken(number, f"{trouble} ({error}). Complete it, or remove it.")
    try:
        return _entry(data, raw, number)
    except ValueError as error:
        return Broken(number, str(error))


def _entry(data: object, raw: bytes, number: int) -> Entry:
    if not isinstance(data, dict):
        raise ValueError(f"This is no JSON object. {_FORM}")  # noqa: TRY004 (all alike to _read)
    question = " ".join(_text(data, "question").split())
    sql = _text(data, "sql").strip()
    for key, value in (("question", question), ("sql", sql)):
        if not value:
            raise ValueError(f"`{key}` is missing or empty. {_FORM}")
    return Entry(
        line=number,
        question=question,
        sql=sql,
        dialect=_dialect(_text(data, "dialect")),
        ddl=_text(data, "schema"),
        kept=_kept(_text(data, "kept")),
        raw=raw,
        edited=data.get("edited") is True,
    )


def _text(data: Mapping[str, Any], key: str) -> str:
    """The value of ``key``; empty where there is none."""
    value = data.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"`{key}` is {json.dumps(value)[:40]}, not text. {_FORM}")  # noqa: TRY004
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"`{key}` holds half a character (\\u escape). Correct it.") from error
    return value.replace("\r\n", "\n")


def _dialect(name: str) -> str:
    if not name:
        return ""
    dialect = canonical_dialect(name)
    if dialect is None:
        raise ValueError(f"No SQL dialect is named {name!r}. Use one of: {', '.join(DIALECTS)}.")
    return dialect


def _kept(text: str) -> datetime | None:
    try:
        return to_time(text) if text else None
    except ValueError as error:
        raise ValueError(f"`kept` is {text!r}, not a time such as 2026-01-31T12:00:00Z.") from error


def to_time(text: str) -> datetime:
    """An ISO 8601 time in UTC; one without a zone is taken to be in UTC.

    Raises:
        ValueError: it is no such time.
    """
    time = datetime.fromisoformat(text)
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error


def to_line(
    question: str,
    sql: str,
    *,
    dialect: str = "",
    ddl: str = "",
    kept: datetime | None = None,
    edited: bool = False,
) -> bytes:
    """One line with its end. What is empty is left out."""
    data = {
        "question": question,
        "sql": sql,
        "dialect": dialect,
        "schema": ddl,
        "kept": kept.isoformat(timespec="microseconds") if kept else "",
        "edited": edited,
    }
    return json_line({key: value for key, value in data.items() if value})


def json_line(data: Mapping[str, Any]) -> bytes:
    """Compact JSON in UTF-8 with a line end; half a character becomes a question mark."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace") + b"\n"
