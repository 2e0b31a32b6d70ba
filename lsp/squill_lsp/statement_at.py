"""The statement that a cursor means. Pure functions of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.scanner import scan
from squill.statements import split_statements

if TYPE_CHECKING:
    from squill.statements import Statement


def statement_at(text: str, offset: int, dialect: str) -> Statement | None:
    """The statement on whose lines, or in the comment right above which, ``offset`` lies."""
    statements = split_statements(text, dialect)
    for statement in statements:
        if statement.start <= offset <= statement.end + statement.terminated:
            return statement
    code = scan(text, dialect).code
    for statement in statements:
        if offset <= _line_end(text, statement.end):
            shares_line = offset >= _line_start(text, statement.start)
            return statement if shares_line or _is_comment(text, code, offset, statement) else None
    return None


def _is_comment(text: str, code: str, offset: int, statement: Statement) -> bool:
    """Whether ``offset`` lies in a comment that reaches down to the statement."""
    line = text[_line_start(text, offset) : _line_end(text, offset)]
    gap = text[offset : statement.start]
    return bool(line.strip()) and not code[offset : statement.start].strip() and "\n\n" not in gap


def indent_of(text: str, start: int) -> str:
    """The white space before ``start`` on its line; empty where more stands there."""
    before = text[_line_start(text, start) : start]
    return "" if before.strip() else before


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return end if end >= 0 else len(text)
