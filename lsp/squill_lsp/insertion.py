"""How a statement from the model is laid out in the user's file. Pure functions of text."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from squill.errors import UnparsableError
from squill.parsing import parse_tokens, tokenize

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from squill_lsp.comments import SqlRequest

KeywordCase = Literal["upper", "lower"]

WIDTH = 80
"""Columns of a statement that stays on one line, its indentation included."""

_KEYWORDS = re.compile(
    r"\b(?:select|from|where|create|table|insert|into|update|join|group|order|and|as|on)\b",
    re.IGNORECASE,
)
_QUOTED_OR_BREAK = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`)|\n""")
_NAMES_AND_VALUES = frozenset(
    {TokenType.VAR, TokenType.IDENTIFIER, TokenType.STRING, TokenType.NUMBER, TokenType.PARAMETER}
)


@dataclass(frozen=True, slots=True)
class Style:
    """How the user's file writes SQL. ``names`` are those of the schema: their case is kept."""

    dialect: str = ""
    keyword_case: KeywordCase = "upper"
    names: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Insertion:
    """``text`` goes to the request's ``insert_at`` and replaces ``replaced`` characters there.

    ``statement`` is what then stands in the file, without its semicolon.
    """

    text: str
    statement: str
    replaced: int = 0


def keyword_case(code: str, setting: str = "") -> KeywordCase:
    """The setting's, else that of most keywords in ``code`` (comments and literals blanked).

    Upper in doubt.
    """
    if setting:
        return "lower" if setting == "lower" else "upper"
    found = Counter(word.isupper() for word in _KEYWORDS.findall(code))
    return "lower" if found[False] > found[True] else "upper"


def insertion(request: SqlRequest, sql: str, style: Style) -> Insertion | None:
    """The text that makes ``sql`` the answer to ``request``.

    None where it does not continue what is typed already, or where nothing is missing.
    """
    indent = max(request.indent, request.line_indent, key=len)
    if request.typed:
        style = Style(style.dialect, _typed_case(request.typed, style), style.names)
    laid_out = _lay_out(sql, style, WIDTH - len(indent))
    rest = _continuation(laid_out, request.typed)
    if rest is None:
        return None
    ends_already = request.following.startswith(";")
    text = _lead(request) + _indented(rest, indent) + ("" if ends_already else ";")
    if not text.strip():
        return None
    replaced = 0 if ends_already else len(request.following)
    return Insertion(text, request.typed + rest, replaced)


def alternatives(request: SqlRequest, statements: Sequence[str], style: Style) -> Insertion | None:
    """The first statement ready to run, the others below it as comments to choose from."""
    first = insertion(request, statements[0], style) if statements else None
    if first is None:
        return None
    width = WIDTH - len(request.indent) - len("-- ")
    others = (_lay_out(sql, style, width) for sql in statements[1:])
    lines = [line for other in others for line in f"{other};".split("\n")]
    text = first.text + "".join(f"\n{request.indent}-- {line}" for line in lines)
    return Insertion(text, first.statement, first.replaced)


def _typed_case(typed: str, style: Style) -> KeywordCase:
    return keyword_case(typed) if _KEYWORDS.search(typed) else style.keyword_case


def _lead(request: SqlRequest) -> str:
    if request.on_new_line:
        return "\n" + request.indent
    if request.typed or not request.indent.startswith(request.line_indent):
        return ""
    return request.indent[len(request.line_indent) :]


def _lay_out(sql: str, style: Style, width: int) -> str:
    """One line where it fits into ``width`` columns, else sqlglot's own layout."""
    sql = sql.strip().rstrip(";").rstrip()
    if len(sql) > width and "\n" not in sql:
        try:
            tree, *_ = parse_tokens(tokenize(sql, style.dialect), sql, style.dialect)
            sql = tree.sql(dialect=style.dialect or None, pretty=True)
        except (UnparsableError, SqlglotError):
            return sql  # the caller's binding check decides about it
    return _lowered(sql, style) if style.keyword_case == "lower" else sql


def _lowered(sql: str, style: Style) -> str:
    """Keywords and function names in lower case; names of the schema stay."""
    try:
        tokens = tokenize(sql, style.dialect)
    except UnparsableError:
        return sql
    following: list[Token | None] = [*tokens[1:], None]
    letters = list(sql)
    for token, after in zip(tokens, following, strict=True):
        if _is_keyword(token, after) and token.text not in style.names:
            letters[token.start : token.end + 1] = sql[token.start : token.end + 1].lower()
    return "".join(letters)


def _is_keyword(token: Token, after: Token | None) -> bool:
    if not token.text.replace(" ", "").isalpha() or not token.text.isupper():
        return False
    is_function = after is not None and after.token_type == TokenType.L_PAREN
    return token.token_type not in _NAMES_AND_VALUES or (
        is_function and token.token_type == TokenType.VAR
    )


def _indented(text: str, indent: str) -> str:
    """Line breaks get the indentation after them, except inside literals."""
    return _QUOTED_OR_BREAK.sub(lambda match: match[1] or "\n" + indent, text)


def _continuation(sql: str, typed: str) -> str | None:
    """What of ``sql`` comes after ``typed``, compared without case and spacing; None: not that.

    Inside quotes every character counts.
    """
    at = 0
    quote = ""
    for number, character in enumerate(typed):
        if not quote:
            before, at = at, _skip_space(sql, at)
            if character.isspace():
                if before == at and _is_word(sql[at - 1 : at]) and _is_word(sql[at : at + 1]):
                    return None
                continue
            if before < at and _is_word(typed[number - 1 : number]) and _is_word(character):
                return None
        wanted = sql[at : at + 1]
        if wanted != character and (quote or wanted.casefold() != character.casefold()):
            return None
        quote = _quote_after(quote, character)
        at += 1
    return sql[at:]


def _skip_space(sql: str, at: int) -> int:
    while at < len(sql) and sql[at].isspace():
        at += 1
    return at


def _is_word(text: str) -> bool:
    return text.isalnum() or text == "_"


def _quote_after(quote: str, character: str) -> str:
    if quote:
        return "" if character == quote else quote
    return character if character in "'\"`" else ""
