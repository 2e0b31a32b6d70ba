"""Pieces of DDL statements: comma-separated groups of tokens, and dotted names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import TokenType

from squill.ddl.catalog import TableName
from squill.errors import UnparsableError
from squill.parsing import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import Token


def nesting(token: Token) -> int:
    """By how much the depth of parentheses and of ``STRUCT<…>`` grows with this token."""
    if not token.text.strip("<>"):
        return token.text.count("<") - token.text.count(">")
    return (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)


def comma_separated(tokens: list[Token], sql: str) -> Iterator[str]:
    for group in groups(tokens):
        yield sql[group[0].start : group[-1].end + 1]


def groups(tokens: list[Token]) -> Iterator[list[Token]]:
    """The tokens between the commas that stand outside parentheses; no group is empty."""
    depth = 0
    group: list[Token] = []
    for token in tokens:
        depth += nesting(token)
        if token.token_type != TokenType.COMMA or depth:
            group.append(token)
        elif group:
            yield group
            group = []
    if group:
        yield group


def written_name(text: str, dialect: str) -> TableName:
    """A dotted, perhaps quoted name."""
    parts = [t.text for t in tokenize(text, dialect) if t.token_type != TokenType.DOT]
    if not parts:
        raise UnparsableError("A table's name is missing.")
    return TableName(".".join(parts[:-1]), parts[-1])
