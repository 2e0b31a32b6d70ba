"""The questions in a SQL text that have their answer: each directly above a statement.

What a question is says `squill.questions`, for the language server as well, so that what is learned
is what is asked.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from squill.questions import FARTHEST, CommentReader
from squill.statements import split_statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.questions import CommentBlock
    from squill.statements import Statement

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


def asked_statements(text: str, dialect: str = "") -> Iterator[Asked]:
    """Every statement with a question above it, in order; the others are passed over."""
    reader = CommentReader(text, dialect)
    line_starts = [0, *(found.end() for found in re.finditer("\n", text))]
    starts = {statement.start: statement for statement in reader.statements}
    for block in reader.blocks():
        statement = _statement_below(text, block, starts, dialect)
        if statement is None or statement.head in _NEVER_ANSWERS:
            continue
        question = reader.question(block)
        if question is not None:
            line = bisect_right(line_starts, block.start)
            yield Asked(question.words, statement.text, line, block.start, statement.end)


def asked_at(text: str, offset: int, dialect: str = "") -> Asked | None:
    """The one whose comment or statement lies at ``offset``, the statement's line included."""
    for asked in asked_statements(text, dialect):
        line_end = text.find("\n", asked.end)
        if asked.start <= offset <= (line_end if line_end >= 0 else len(text)):
            return asked
    return None


def _statement_below(
    text: str, block: CommentBlock, starts: dict[int, Statement], dialect: str
) -> Statement | None:
    """The statement that begins below a comment, with nothing but a few empty lines between."""
    rest = text[block.end :]
    space = len(rest) - len(rest.lstrip())
    at = block.end + space
    if at >= len(text) or rest[:space].count("\n") - 1 > FARTHEST:
        return None
    if at in starts:
        return starts[at]
    if any(start < at < each.end for start, each in starts.items()):
        # The one before has no semicolon, so that the two were read as one.
        first = next(iter(split_statements(rest, dialect)), None)
        if first is not None and first.start == space:
            return replace(first, start=at, end=block.end + first.end)
    return None
