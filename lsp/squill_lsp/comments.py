"""What counts as a request for SQL: one pure function, `find_request`, over text and a cursor.

A request is a comment on lines of its own, written in natural language, directly above an empty
place. All offsets are in characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from squill.questions import FARTHEST, CommentReader, line_end, line_start

if TYPE_CHECKING:
    from squill.questions import CommentBlock
    from squill.scanner import Scan

_CLOSERS = re.compile(r"[)\]'\"`;\s]*")
"""What editors put behind the cursor by themselves, and a statement's own end."""

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


def find_request(
    text: str, offset: int, dialect: str = "", *, anywhere: bool = False
) -> SqlRequest | None:
    """The request that the cursor at ``offset`` stands under or at the end of, or None.

    With ``anywhere`` the cursor may also stand inside the comment, and the answer goes on the
    line after it. A comment that has its statement directly below is no request any more.
    """
    reader = CommentReader(text, dialect)
    block = _block_at(text, reader, offset, anywhere=anywhere)
    asked = reader.question(block) if block is not None else None
    if block is None or asked is None:
        return None
    indent = _indent_at(text, asked.start)
    request = SqlRequest(asked.words, asked.start, block.end, offset, indent)
    if not anywhere and "\n" in text[block.end : offset]:
        return _under(text, reader.seen, request)
    if _line_below(text, block.end).strip():
        return None
    at = block.end if anywhere else max(block.end, offset)
    return replace(request, insert_at=at, on_new_line=True)


def _block_at(
    text: str, reader: CommentReader, offset: int, *, anywhere: bool
) -> CommentBlock | None:
    """The comment that the cursor belongs to, not farther away than it may be."""
    found = None
    for block in reader.blocks():
        if (block.start if anywhere else block.end) <= offset:
            found = block
    if found is None or offset <= found.end:
        return found
    between = text[found.end : offset]
    leading = between[: len(between) - len(between.lstrip())]
    if leading.count("\n") - 1 > FARTHEST or (anywhere and between.strip()):
        return None
    return found


def _under(text: str, seen: Scan, request: SqlRequest) -> SqlRequest | None:
    """The request of a cursor below the comment, on an empty line or in a begun statement."""
    end, cursor = request.end, request.insert_at
    typed = text[end:cursor].lstrip()
    last = line_end(text, cursor)
    following = text[cursor:last].strip()
    if any(end <= comment.start < last for comment in seen.comments):
        return None
    if not _CLOSERS.fullmatch(following) or (following and not typed and following != ";"):
        return None
    if not typed:
        line_indent = text[line_start(text, cursor) : cursor]
        return replace(request, line_indent=line_indent, following=following)
    ended = ";" in seen.code[end:cursor] or _BLANK_LINE.search(typed)
    if ended or _line_below(text, cursor).strip():
        return None
    return replace(request, typed=typed, following=following)


def _line_below(text: str, offset: int) -> str:
    """The line after the one at ``offset``, empty where that is the last."""
    end = text.find("\n", offset)
    return "" if end < 0 else text[end + 1 : line_end(text, end + 1)]


def _indent_at(text: str, start: int) -> str:
    before = text[line_start(text, start) : start]
    return before if not before.strip() else ""
