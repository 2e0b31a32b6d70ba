"""Which comments of a SQL text are questions: one reader for the editor and for what is learned.

A question is a comment on lines of its own, in natural language, that stands between statements.
The language server asks it where the place below is empty; a pair is learned from it where a
statement stands there. All offsets are in characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from squill.phrasing import (
    commented_out,
    ends_in_sql,
    has_enough_words,
    is_directive,
    is_explanation,
    is_file_header,
    is_rule,
    is_title,
)
from squill.scanner import scan
from squill.statements import split_statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.scanner import Scan
    from squill.statements import Statement

FARTHEST = 2
"""Empty lines that may lie between a comment and the place that it speaks of."""

_UNFINISHED = re.compile(
    r"""(?:[,(=<>+\-*/|.] | \b(?:select|distinct|from|where|and|or|not|on|using|join|by|set|in|as
    |case|when|then|else|union|all|except|intersect|having|values|into|between|like|is|with
    |table|limit))\s*\Z""",
    re.VERBOSE | re.IGNORECASE,
)
_BATCH_END = re.compile(r"(?:\A|\n)[ \t]*(?:go|/)[ \t]*\r?\n\s*\Z", re.IGNORECASE)
_BODY = re.compile(r"\bbegin\b", re.IGNORECASE)
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")


@dataclass(frozen=True, slots=True)
class CommentBlock:
    """A comment, or neighbouring line comments, that have their lines for themselves."""

    start: int
    end: int
    """Where its last visible character ends."""
    lines: tuple[tuple[int, str], ...]
    """Each line's start and its words, without markers."""


@dataclass(frozen=True, slots=True)
class Question:
    """The words that ask, and where their comment line starts."""

    start: int
    words: str


class CommentReader:
    """The comments of one text, and what they ask."""

    def __init__(self, text: str, dialect: str = "") -> None:
        self._text = text
        self._dialect = dialect

    @cached_property
    def seen(self) -> Scan:
        return scan(self._text, self._dialect)

    @cached_property
    def statements(self) -> list[Statement]:
        return list(split_statements(self._text, self._dialect))

    @cached_property
    def _first_code(self) -> int:
        return len(self.seen.code) - len(self.seen.code.lstrip())

    def blocks(self) -> Iterator[CommentBlock]:
        """In order. An explanation that Squill wrote below a comment is a part of it."""
        last = None
        for block in self._blocks():
            if last is not None and self._explains(last, block):
                last = replace(last, end=block.end)
                continue
            if last is not None:
                yield last
            last = block
        if last is not None:
            yield last

    def _explains(self, above: CommentBlock, block: CommentBlock) -> bool:
        """Whether a block is only Squill's explanation, not far below another one."""
        between = self._text[above.end : block.start]
        near = not between.strip() and between.count("\n") - 1 <= FARTHEST
        return near and bool(block.lines) and all(is_explanation(line) for _, line in block.lines)

    def _blocks(self) -> Iterator[CommentBlock]:
        text, group = self._text, list[tuple[int, int, str]]()
        for comment in self.seen.comments:
            first, last = line_start(text, comment.start), line_end(text, comment.end)
            if text[first : comment.start].strip() or text[comment.end : last].strip():
                continue
            body = text[comment.start : comment.end]
            if comment.is_block:
                yield from _grouped(group)
                group = []
                yield CommentBlock(comment.start, comment.end, _block_lines(body, comment.start))
                continue
            if group and text[group[-1][1] : comment.start].count("\n") > 1:
                yield from _grouped(group)
                group = []
            visible = comment.start + len(body.rstrip())
            words = body[2:] if body.startswith("--") else body[1:]
            group.append((comment.start, visible, words.strip()))
        yield from _grouped(group)

    def question(self, block: CommentBlock) -> Question | None:
        """What the comment's last paragraph asks, None where it doesn't."""
        if self._inside_statement(block.start) or self._inside_routine(block.start):
            return None
        paragraph = _last_paragraph(block.lines)
        lines = paragraph[commented_out([words for _, words in paragraph]) :]
        if not lines or ends_in_sql([words for _, words in lines], self._dialect):
            return None
        question = " ".join(words for _, words in lines)
        if is_title(question) or is_directive(question) or not has_enough_words(question):
            return None
        at_top = block.start <= self._first_code
        if at_top and is_file_header("\n".join(words for _, words in block.lines)):
            return None
        return Question(lines[0][0], question)

    def _inside_statement(self, start: int) -> bool:
        """Whether the code before a comment is a statement that goes on behind it."""
        code = self.seen.code[self.seen.code.rfind(";", 0, start) + 1 : start]
        if not code.strip() or _BATCH_END.search(code):
            return False
        if code.count("(") > code.count(")") or _UNFINISHED.search(code):
            return True
        tail = code[len(code.rstrip()) :]
        return _BLANK_LINE.search(tail) is None

    def _inside_routine(self, start: int) -> bool:
        """Whether ``start`` lies in a body with semicolons of its own (``BEGIN … END``)."""
        return _BODY.search(self._text, 0, start) is not None and any(
            statement.start < start < statement.end and ";" in statement.text
            for statement in self.statements
        )


def _grouped(group: list[tuple[int, int, str]]) -> Iterator[CommentBlock]:
    if group:
        lines = tuple((start, words) for start, _, words in group)
        yield CommentBlock(group[0][0], group[-1][1], lines)


def _block_lines(body: str, start: int) -> tuple[tuple[int, str], ...]:
    """The words of ``/* … */``. Hints (``/*+``, ``/*!``) and boxes of stars have none."""
    if body.startswith(("/*+", "/*!", "/***")) or not body.endswith("*/") or len(body) < 4:
        return ()
    inner = re.sub(r"\A/\*+|\*+/\Z", "", body)
    return tuple((start, re.sub(r"^\s*\*+\s?", "", line).strip()) for line in inner.splitlines())


def _last_paragraph(lines: tuple[tuple[int, str], ...]) -> list[tuple[int, str]]:
    """The lines after the last empty one, rule or title; nothing where one of those ends it."""
    lines = tuple(line for line in lines if not is_explanation(line[1]))
    while lines and not lines[-1][1]:
        lines = lines[:-1]
    paragraph: list[tuple[int, str]] = []
    for start, words in lines:
        if is_rule(words) or is_title(words) or (not words and paragraph):
            paragraph = []
        elif words:
            paragraph.append((start, words))
    return [] if lines and (is_rule(lines[-1][1]) or is_title(lines[-1][1])) else paragraph


def line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def line_end(text: str, offset: int) -> int:
    """The end of the line at ``offset``, its line break excluded; the text's end for the last."""
    end = text.find("\n", offset)
    if end < 0:
        return len(text)
    return end - 1 if end > offset and text[end - 1] == "\r" else end
