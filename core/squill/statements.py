"""Splits SQL text into statements, in any dialect and in any state of being written.

One pass of one regular expression over the text: quotes, comments and dollar quotes are stepped
over, semicolons, ``GO`` and ``DELIMITER`` lines end statements. A statement that was never closed,
or that holds an odd quote, ends where a line begins another one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


@dataclass(frozen=True, slots=True)
class Statement:
    """``text`` lies at ``start`` to ``end`` (characters), without surrounding comments.

    ``text`` does not hold the closing semicolon; ``terminated`` says whether there was one.
    """

    start: int
    end: int
    text: str
    terminated: bool = True

    @property
    def head(self) -> str:
        """The leading keyword in upper case, empty where there is none."""
        found = _WORD.match(self.text)
        return found.group().upper() if found else ""


_WORD = re.compile(r"[A-Za-z_]+")

# A line that starts so begins a statement, whatever stands before it.
_STRONG = (
    r"(?:CREATE|DROP[ \t]+(?:TABLE|VIEW)|ALTER[ \t]+(?:TABLE|VIEW)|COMMENT[ \t]+ON"
    r"|RENAME[ \t]+TABLE)\b(?=[ \t]+[\w\"`\[#])"
)
# These also occur inside statements: they begin one only after a blank line.
_WEAK = r"(?:SELECT|WITH|INSERT|UPDATE|DELETE|MERGE)\b"
# Inside a quoted text only a whole "CREATE TABLE" or the like says that the quote was left open.
_IN_TEXT = (
    r"(?:CREATE[ \t]+(?:OR[ \t]+REPLACE[ \t]+)?(?:TEMP\w*[ \t]+)?(?:TABLE|VIEW|INDEX)"
    r"|(?:ALTER|DROP)[ \t]+TABLE|INSERT[ \t]+INTO|COMMENT[ \t]+ON)\b"
)
_BREAK = rf"(?<=[;\n\r\t ])\n(?=[ \t]*{_IN_TEXT})"
_ESCAPE = r"|\\."


def _quoted(quote: str, *, escape: str = "") -> str:
    return rf"{quote}(?:[^{quote}\\\n]|{quote}{quote}{escape}|\\|(?!{_BREAK})\n)*+{quote}"


def _scanner(*, backslash: bool) -> re.Pattern[str]:
    escape = _ESCAPE if backslash else ""
    return re.compile(
        rf"""
          (?P<skip> (?<=[^\n]) [^'"`\[\-/$;\n\#]++ )
        | (?P<quote> (?<=\bE){_quoted("'", escape=_ESCAPE)} | {_quoted("'", escape=escape)}
            | {_quoted('"', escape=escape)} | {_quoted("`")} | \[[^\]\n]{{0,200}}\]
            | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$).*?(?P=dollar) )
        | (?P<comment> --[^\n]* | /\*.*?\*/ | /\*(?:[^\n]|(?!{_BREAK})\n)*+
            | (?<!\S)\#(?=[ \t\n])[^\n]* )
        | (?P<end> ; )
        | (?P<line> \n? (?<![^\n]) [ \t]*
            (?: (?P<go> (?:GO(?:[ \t]+\d+)? | /)[ \t]*;?[ \t\r]*(?=\n|\Z) )
              | DELIMITER[ \t]+(?P<delimiter>\S+)[^\n]*
              | (?= (?P<strong>{_STRONG}) | (?P<weak>{_WEAK}) ) ) )
        | (?P<other> . )
        """,
        re.VERBOSE | re.DOTALL | re.IGNORECASE,
    )


_SCANNER = _scanner(backslash=False)
_BACKSLASH_SCANNER = _scanner(backslash=True)
_BACKSLASH_DIALECTS = frozenset({"mysql", "bigquery", "snowflake"})

_ROUTINE = re.compile(
    r"CREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?(?:\w+\s+){0,3}?"
    r"(?:TRIGGER|PROCEDURE|PROC|FUNCTION|PACKAGE)\b",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"\b(?:BEGIN|DECLARE)\b", re.IGNORECASE)
_BLOCK_END = re.compile(
    r"\bEND\b(?!\s+(?:IF|LOOP|CASE|WHILE|REPEAT)\b)(?:\s+\w+)?\s*\Z", re.IGNORECASE
)
_DELIMITER_LINE = re.compile(r"\n[ \t]*DELIMITER[ \t]", re.IGNORECASE)
_CONTINUES = re.compile(
    r"(?:\(|,|\b(?:AS|UNION|ALL|DISTINCT|EXCEPT|INTERSECT|MINUS|THEN|DO|FOR|ON|EXPLAIN))\Z",
    re.IGNORECASE,
)
_SELF_CONTAINED = re.compile(
    r"(?:SELECT|UPDATE|DELETE|DROP|ALTER|COMMENT|CREATE\s+(?:TEMP\w*\s+)?TABLE)\b", re.IGNORECASE
)


def split_statements(text: str, dialect: str = "") -> list[Statement]:
    """The statements of ``text`` in order; nothing in it is ever an error.

    ``dialect`` matters only for backslashes in quotes (MySQL, BigQuery, Snowflake).
    """
    scanner = _BACKSLASH_SCANNER if dialect in _BACKSLASH_DIALECTS else _SCANNER
    return list(_Splitter(text, scanner).statements())


class _Splitter:
    """The state of one pass: where the open statement starts and where its last token ended."""

    def __init__(self, text: str, scanner: re.Pattern[str]) -> None:
        self._text = text
        self._scanner = scanner
        self._start = -1
        self._end = 0
        self._body_is_quoted = False
        """Whether the open statement is a routine whose body is a text between dollar signs."""

    def statements(self) -> Iterator[Statement]:
        position = 0
        while position < len(self._text):
            for token in self._scanner.finditer(self._text, position):
                yield from self._step(token)
                if (delimiter := token["delimiter"]) and delimiter != ";":
                    position = yield from self._delimited(token.end(), delimiter)
                    break
            else:
                break
        yield from self._close(terminated=False)

    def _step(self, token: re.Match[str]) -> Iterator[Statement]:
        kind = token.lastgroup
        if kind == "end":
            if not self._inside_block():
                yield from self._close(terminated=True)
        elif kind == "line":
            if token["go"] or token["delimiter"] or self._begins_another(token):
                yield from self._close(terminated=False)
        elif kind != "comment":
            self._extend(token)

    def _extend(self, token: re.Match[str]) -> None:
        text = token.group()
        if not text.isspace():
            if self._start < 0:
                self._start = token.end() - len(text.lstrip())
            if token["dollar"] and not _BLOCK.search(self._text, self._start, token.start()):
                self._body_is_quoted = True
            self._end = token.start() + len(text.rstrip())

    def _close(self, *, terminated: bool) -> Iterator[Statement]:
        if self._start >= 0:
            text = self._text[self._start : self._end]
            yield Statement(self._start, self._end, text, terminated)
        self._start = -1
        self._body_is_quoted = False

    def _inside_block(self) -> bool:
        """Whether a semicolon here belongs to the body of a trigger or routine."""
        if self._start < 0 or self._body_is_quoted:
            return False
        if not _ROUTINE.match(self._text, self._start):
            return False
        if not _BLOCK.search(self._text, self._start, self._end):
            return False
        last_line = self._text[max(self._start, self._end - 80) : self._end]
        return not _BLOCK_END.search(last_line)

    def _begins_another(self, token: re.Match[str]) -> bool:
        if self._start < 0:
            return False
        blank_line = "\n" in self._text[self._end : token.start()]
        if token["strong"]:
            return blank_line or not _ROUTINE.match(self._text, self._start)
        return (
            blank_line
            and _SELF_CONTAINED.match(self._text, self._start) is not None
            and not _CONTINUES.search(self._text, max(self._start, self._end - 20), self._end)
        )

    def _delimited(self, position: int, delimiter: str) -> Generator[Statement, None, int]:
        """Statements ended by MySQL's own ``delimiter``, up to the next DELIMITER line."""
        following = _DELIMITER_LINE.search(self._text, position)
        stop = following.start() if following else len(self._text)
        while position < stop:
            end = self._text.find(delimiter, position, stop)
            text = self._text[position : end if end >= 0 else stop]
            if text.strip():
                start = position + len(text) - len(text.lstrip())
                yield Statement(start, start + len(text.strip()), text.strip(), end >= 0)
            position = end + len(delimiter) if end >= 0 else stop
        return stop
