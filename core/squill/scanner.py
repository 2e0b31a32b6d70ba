"""Where a SQL text has comments and literals, by a tolerant scan that parses nothing.

Everything here is in characters (code points), never in bytes or UTF-16 units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BACKSLASH_DIALECTS = frozenset(
    {"bigquery", "clickhouse", "databricks", "doris", "hive", "mysql", "spark", "starrocks"}
)

_HASH_DIALECTS = frozenset({"bigquery", "clickhouse", "doris", "mysql", "starrocks"})
"""Where ``#`` begins a comment; elsewhere it is an operator, or begins a table's name."""

_PIECES = r"""
    (?P<line>--[^\r\n]*{hash})
  | (?P<block>/\*)
  | (?P<dollar>\$(?P<tag>[^\W\d]\w*|)\$.*?\$(?P=tag)\$)
  | (?P<quoted>{string}|"(?:[^"]|"")*"|`[^`]*`)
"""
_STRING, _ESCAPED_STRING = r"'(?:[^']|'')*'", r"'(?:[^'\\]|''|\\.)*'"
_BLOCK_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment, markers included, from ``start`` up to ``end``."""

    start: int
    end: int
    is_block: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """``code`` is as long as the text: comments are spaces in it and literals are filled with x."""

    comments: tuple[Comment, ...]
    code: str


def scan(text: str, dialect: str = "") -> Scan:
    """Find comments and literals. A quote that is never closed counts as an ordinary character."""
    comments: list[Comment] = []
    parts: list[str] = []
    done = 0
    for start, end, kind in _pieces(text, _pattern(dialect)):
        parts.append(text[done:start])
        if kind in ("line", "block"):
            comments.append(Comment(start, end, kind == "block"))
            parts.append(re.sub(r"[^\r\n]", " ", text[start:end]))
        else:
            parts.append(re.sub(r"[^\r\n]", "x", text[start:end]))
        done = end
    parts.append(text[done:])
    return Scan(tuple(comments), "".join(parts))


@lru_cache
def _pattern(dialect: str) -> re.Pattern[str]:
    string = _ESCAPED_STRING if dialect in _BACKSLASH_DIALECTS else _STRING
    hash_comment = r"|\#[^\r\n]*" if dialect in _HASH_DIALECTS else ""
    return re.compile(_PIECES.format(string=string, hash=hash_comment), re.VERBOSE | re.DOTALL)


def _pieces(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int, str]]:
    position = 0
    while match := pattern.search(text, position):
        kind = match.lastgroup or ""
        position = _block_end(text, match.end()) if kind == "block" else match.end()
        yield match.start(), position, kind


def _block_end(text: str, position: int) -> int:
    """The end of the block comment whose inside starts at ``position``; comments nest."""
    depth = 1
    for edge in _BLOCK_EDGE.finditer(text, position):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    # One that nests by accident ("/* see /* */") ends at the first closing mark.
    first = text.find("*/", position)
    return first + 2 if first >= 0 else len(text)
