"""What counts as a request for SQL: one pure function, `find_request`, over text and a cursor.

A request is a comment on lines of its own, written in natural language, directly above an empty
place. All offsets are in characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
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
from squill.statements import split_statements
from squill_lsp.scanner import Scan, scan

if TYPE_CHECKING:
    from collections.abc import Iterator

_FARTHEST = 2
"""Empty lines that may lie between a comment and the place that it speaks of."""

_CLOSERS = re.compile(r"[)\]'\"`;\s]*")
"""What editors put behind the cursor by themselves, and a statement's own end."""

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
class SqlRequest:
    """A question and the place where its answer goes."""

    question: str
    start: int
    """Where the comment starts."""
    end: int
    """Where its last visible character ends."""
    insert_at: int
    """The cursor; the comment's end where it stands in the comment."""
    indent: str
    """Whitespace before the comment."""
    on_new_line: bool = False
    """Whether a line break must come before the statement."""
    typed: str = ""
    """What stands of the statement already, up to ``insert_at``."""
    line_indent: str = ""
    """Whitespace already there before the cursor, where nothing is typed yet."""
    following: str = ""
    """The rest of the cursor's line: closing marks at most."""

    def below_comment(self) -> SqlRequest:
        """The same question, its whole answer on a line of its own right after the comment."""
        return SqlRequest(
            self.question, self.start, self.end, self.end, self.indent, on_new_line=True
        )


@dataclass(frozen=True, slots=True)
class _Block:
    """A comment, or neighbouring line comments, that have their lines for themselves."""

    start: int
    end: int
    lines: tuple[tuple[int, str], ...]
    """Each line's start and its words, without markers."""


def find_request(
    text: str, offset: int, dialect: str = "", *, anywhere: bool = False
) -> SqlRequest | None:
    """The request that the cursor at ``offset`` stands under or at the end of, or None.

    With ``anywhere`` the cursor may also stand inside the comment, and the answer goes on the
    line after it. A comment that has its statement directly below is no request any more.
    """
    seen = scan(text, dialect)
    block = _block_at(text, seen, offset, anywhere=anywhere)
    if block is None or _inside_statement(seen.code[: block.start]):
        return None
    if _inside_routine(text, block.start, dialect):
        return None
    asked = _question(block, dialect, at_top=not seen.code[: block.start].strip())
    if asked is None:
        return None
    start, question = asked
    request = SqlRequest(question, start, block.end, offset, _indent_at(text, start))
    if not anywhere and "\n" in text[block.end : offset]:
        return _under(text, seen, request)
    if _line_below(text, block.end).strip():
        return None
    at = block.end if anywhere else max(block.end, offset)
    return replace(request, insert_at=at, on_new_line=True)


def _block_at(text: str, seen: Scan, offset: int, *, anywhere: bool) -> _Block | None:
    """The comment that the cursor belongs to, not farther away than it may be."""
    found = None
    for block in _blocks(text, seen):
        if (block.start if anywhere else block.end) <= offset:
            found = block
    if found is None or offset <= found.end:
        return found
    between = text[found.end : offset]
    leading = between[: len(between) - len(between.lstrip())]
    if leading.count("\n") - 1 > _FARTHEST or (anywhere and between.strip()):
        return None
    return found


def _blocks(text: str, seen: Scan) -> Iterator[_Block]:
    group: list[tuple[int, int, str]] = []
    for comment in seen.comments:
        first, last = _line_start(text, comment.start), _line_end(text, comment.end)
        if text[first : comment.start].strip() or text[comment.end : last].strip():
            continue
        body = text[comment.start : comment.end]
        if comment.is_block:
            yield from _grouped(group)
            group = []
            yield _Block(comment.start, comment.end, _block_lines(body, comment.start))
            continue
        if group and text[group[-1][1] : comment.start].count("\n") > 1:
            yield from _grouped(group)
            group = []
        visible = comment.start + len(body.rstrip())
        group.append((comment.start, visible, body[2:].strip()))
    yield from _grouped(group)


def _grouped(group: list[tuple[int, int, str]]) -> Iterator[_Block]:
    if group:
        lines = tuple((start, words) for start, _, words in group)
        yield _Block(group[0][0], group[-1][1], lines)


def _block_lines(body: str, start: int) -> tuple[tuple[int, str], ...]:
    """The words of ``/* … */``. Hints (``/*+``, ``/*!``) and boxes of stars have none."""
    if body.startswith(("/*+", "/*!", "/***")) or not body.endswith("*/") or len(body) < 4:
        return ()
    inner = re.sub(r"\A/\*+|\*+/\Z", "", body)
    return tuple((start, re.sub(r"^\s*\*+\s?", "", line).strip()) for line in inner.splitlines())


def _question(block: _Block, dialect: str, *, at_top: bool) -> tuple[int, str] | None:
    """Where the question starts and its words: the comment's last paragraph, if it asks."""
    paragraph = _last_paragraph(block.lines)
    lines = paragraph[commented_out([words for _, words in paragraph]) :]
    if not lines or ends_in_sql([words for _, words in lines], dialect):
        return None
    question = " ".join(words for _, words in lines)
    if is_title(question) or is_directive(question) or not has_enough_words(question):
        return None
    if at_top and is_file_header("\n".join(words for _, words in block.lines)):
        return None
    return lines[0][0], question


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


def _inside_statement(code: str) -> bool:
    """Whether the code before a comment is a statement that goes on behind it."""
    code = code[code.rfind(";") + 1 :]
    if not code.strip() or _BATCH_END.search(code):
        return False
    if code.count("(") > code.count(")") or _UNFINISHED.search(code):
        return True
    tail = code[len(code.rstrip()) :]
    return _BLANK_LINE.search(tail) is None


def _inside_routine(text: str, start: int, dialect: str) -> bool:
    """Whether ``start`` lies in a body with semicolons of its own (``BEGIN … END``)."""
    return _BODY.search(text, 0, start) is not None and any(
        statement.start < start < statement.end and ";" in statement.text
        for statement in split_statements(text, dialect)
    )


def _under(text: str, seen: Scan, request: SqlRequest) -> SqlRequest | None:
    """The request of a cursor below the comment, on an empty line or in a begun statement."""
    end, cursor = request.end, request.insert_at
    typed = text[end:cursor].lstrip()
    line_end = _line_end(text, cursor)
    following = text[cursor:line_end].strip()
    if any(end <= comment.start < line_end for comment in seen.comments):
        return None
    if not _CLOSERS.fullmatch(following) or (following and not typed and following != ";"):
        return None
    if not typed:
        line_indent = text[_line_start(text, cursor) : cursor]
        return replace(request, line_indent=line_indent, following=following)
    ended = ";" in seen.code[end:cursor] or _BLANK_LINE.search(typed)
    if ended or _line_below(text, cursor).strip():
        return None
    return replace(request, typed=typed, following=following)


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _line_end(text: str, offset: int) -> int:
    """The end of the line at ``offset``, its line break excluded; the text's end for the last."""
    end = text.find("\n", offset)
    if end < 0:
        return len(text)
    return end - 1 if end > offset and text[end - 1] == "\r" else end


def _line_below(text: str, offset: int) -> str:
    """The line after the one at ``offset``, empty where that is the last."""
    end = text.find("\n", offset)
    return "" if end < 0 else text[end + 1 : _line_end(text, end + 1)]


def _indent_at(text: str, start: int) -> str:
    before = text[_line_start(text, start) : start]
    return before if not before.strip() else ""
