"""The questions in a SQL text: comments on lines of their own, each directly above a statement.

The words are those that the language server asks with when it is the comment's turn, so that what
is learned is what is asked.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.phrasing import (
    commented_out,
    ends_in_sql,
    is_directive,
    is_explanation,
    is_file_header,
    is_rule,
    is_title,
)
from squill.statements import split_statements

if TYPE_CHECKING:
    from collections.abc import Iterator

_FARTHEST = 2  # empty lines between a comment and its statement

_COMMENT = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)|(?<!\S)\#[^\n]*|;", re.DOTALL)

_DEFINING = """
ALTER ANALYZE ATTACH BEGIN COMMENT COMMIT CREATE DELIMITER DETACH DROP GO GRANT LOCK PRAGMA
RELEASE RENAME REVOKE ROLLBACK SAVEPOINT SET START TRUNCATE UNLOCK USE VACUUM
"""
_NEVER_ANSWERS = frozenset(_DEFINING.split())
"""Words that begin definitions and the like: a comment above one describes it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the statement below it, and the line (from 1) where its comment starts.

    ``start`` is the comment's and ``end`` the statement's, in characters.
    """

    question: str
    sql: str
    line: int
    start: int
    end: int


@dataclass(slots=True)
class _Comment:
    """One block comment, or neighbouring line comments. ``lines`` are their words alone."""

    start: int
    end: int
    lines: list[str]
    is_block: bool


def asked_statements(text: str, dialect: str = "") -> Iterator[Asked]:
    """Every statement with a question above it, in order; the others are passed over."""
    line_starts = [0, *(found.end() for found in re.finditer("\n", text))]
    end = 0
    for statement in split_statements(text, dialect):
        comment = _comment_above(text, end, statement.start)
        if comment is not None and statement.head not in _NEVER_ANSWERS:
            question = _question(comment.lines, dialect, at_top=end == 0)
            if question:
                line = bisect_right(line_starts, comment.start)
                yield Asked(question, statement.text, line, comment.start, statement.end)
        end = statement.end


def asked_at(text: str, offset: int, dialect: str = "") -> Asked | None:
    """The one whose comment or statement lies at ``offset``, the statement's line included."""
    for asked in asked_statements(text, dialect):
        line_end = text.find("\n", asked.end)
        if asked.start <= offset <= (line_end if line_end >= 0 else len(text)):
            return asked
    return None


def _comment_above(text: str, start: int, stop: int) -> _Comment | None:
    """The last comment between two statements that has its lines for itself, if it is near."""
    last = None
    for found in _COMMENT.finditer(text, start, stop):
        if found.group() == ";":
            last = None
        elif _is_alone(text, found):
            last = _joined(text, last, found)
    if last is None:
        return None
    between = text[last.end : stop]
    return None if between.strip() or between.count("\n") - 1 > _FARTHEST else last


def _is_alone(text: str, comment: re.Match[str]) -> bool:
    first = text.rfind("\n", 0, comment.start()) + 1
    last = text.find("\n", comment.end())
    after = text[comment.end() : last if last >= 0 else len(text)]
    return not text[first : comment.start()].strip() and not after.strip()


def _joined(text: str, last: _Comment | None, found: re.Match[str]) -> _Comment:
    """``found`` as a comment; a line comment goes on with one that ends on the line before."""
    body = found.group()
    if body.startswith("/*"):
        return _Comment(found.start(), found.end(), _block_lines(body), is_block=True)
    words = body[2 if body.startswith("--") else 1 :].strip()
    neighbours = (
        last is not None and not last.is_block and text.count("\n", last.end, found.start()) == 1
    )
    if last is None or not neighbours:
        return _Comment(found.start(), found.end(), [words], is_block=False)
    return _Comment(last.start, found.end(), [*last.lines, words], is_block=False)


def _block_lines(body: str) -> list[str]:
    """The words of ``/* … */``. Hints (``/*+``, ``/*!``) and boxes of stars have none."""
    if body.startswith(("/*+", "/*!", "/***")) or not body.endswith("*/") or len(body) < 4:
        return []
    inner = re.sub(r"\A/\*+|\*+/\Z", "", body)
    return [re.sub(r"^\s*\*+\s?", "", line).strip() for line in inner.splitlines()]


def _question(lines: list[str], dialect: str, *, at_top: bool) -> str:
    """The comment's last paragraph as one line, empty where it asks nothing."""
    paragraph = _last_paragraph(lines)
    asked = paragraph[commented_out(paragraph) :]
    if not asked or ends_in_sql(asked, dialect):
        return ""
    question = " ".join(asked)
    if is_title(question) or is_directive(question):
        return ""
    return "" if at_top and is_file_header("\n".join(lines)) else question


def _last_paragraph(lines: list[str]) -> list[str]:
    """The lines after the last empty one, rule or title; nothing where one of those ends it."""
    lines = [words for words in lines if not is_explanation(words)]
    while lines and not lines[-1]:
        lines = lines[:-1]
    paragraph: list[str] = []
    for words in lines:
        if is_rule(words) or is_title(words) or not words:
            paragraph = []
        else:
            paragraph.append(words)
    return paragraph
