"""Column definitions: names, types, comments and keys, from the tree and the tokens beside it.

The tree says what is what; the tokens give the type as the user wrote it, and the comment at the
end of the column's line, neither of which sqlglot's tree keeps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import Token, TokenType, exp

from squill.ddl.fragments import nesting
from squill.ddl.operations import with_primary_key
from squill.ddl.values import checked_values, enum_values
from squill.parsing import is_quoted, spelled, table_name
from squill.schema import Column, ForeignKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TRAILING_COMMENT = re.compile(r"[ \t]*,?[ \t]*(?:--+[ \t]*([^\n]*)|/\*[ \t]*([^\n]*?)\*/)")
_OPENING = frozenset({TokenType.L_PAREN, TokenType.LT, TokenType.L_BRACKET})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.GT, TokenType.R_BRACKET})
_BRACKETED_TYPE = re.compile(r"\A\[(\w+)\]")
_KEY_LIST = re.compile(
    r"\A(?:CONSTRAINT\s+\S+\s+)?PRIMARY\s+KEY\s*(?:(?:NON)?CLUSTERED\s*)?\(([^()]*)\)",
    re.IGNORECASE,
)
_SORTED = re.compile(r"\s+(?:ASC|DESC)\b", re.IGNORECASE)
_REFERENCE = re.compile(
    r"\A(?:CONSTRAINT\s+\S+\s+)?(FOREIGN\s+KEY\s*\([^()]*\)\s*REFERENCES\s+[^\s(]+\s*(?:\([^()]*\))?)",
    re.IGNORECASE,
)
_AFTER_TYPE = re.compile(
    "AS|AUTOINCREMENT|AUTO_INCREMENT|CHECK|CODEC|COLLATE|COMMENT|CONSTRAINT|DEFAULT|DISABLE|ENABLE"
    "|ENCODE|FOREIGN|GENERATED|IDENTITY|INDEX|INVISIBLE|KEY|MASKING|NOT|NULL|ON|OPTIONS|PRIMARY"
    "|REFERENCES|SPARSE|STORAGE|STORED|TAG|UNIQUE|VIRTUAL|VISIBLE"
)
_TABLE_CONSTRAINT = re.compile(
    "CHECK|CONSTRAINT|EXCLUDE|FOREIGN|FULLTEXT|INDEX|KEY|LIKE|PERIOD|PRIMARY|SPATIAL|UNIQUE"
)


@dataclass(frozen=True, slots=True)
class Element:
    """One comma-separated element of a CREATE TABLE's list: its tokens and its line's comment."""

    tokens: tuple[Token, ...]
    comment: str

    @property
    def is_constraint(self) -> bool:
        first = self.tokens[0]
        return first.token_type != TokenType.IDENTIFIER and bool(
            _TABLE_CONSTRAINT.fullmatch(_first_word(first))
        )

    def reduced(self, sql: str) -> str:
        """The element with name and type only, or with a key's columns only; perhaps empty."""
        text = sql[self.tokens[0].start : self.tokens[-1].end + 1]
        if not self.is_constraint:
            return f"{text[: self.tokens[0].end + 1 - self.tokens[0].start]} {self.type_text(sql)}"
        if key := _KEY_LIST.match(text):
            return f"PRIMARY KEY ({_SORTED.sub('', key[1])})"
        reference = _REFERENCE.match(text)
        return reference[1] if reference else ""

    def type_text(self, sql: str) -> str:
        typed = list(self._type_tokens())
        if not typed:
            return ""
        text = re.sub(r"\s+", " ", sql[typed[0].start : typed[-1].end + 1])
        return _BRACKETED_TYPE.sub(r"\1", text)

    def _type_tokens(self) -> Iterator[Token]:
        depth = 0
        for index, token in enumerate(self.tokens[1:], start=1):
            if not depth and self._ends_type(index):
                return
            depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
            yield token

    def _ends_type(self, index: int) -> bool:
        first = _first_word(self.tokens[index])
        following = self.tokens[index + 1].text.upper() if index + 1 < len(self.tokens) else ""
        if first == "WITH":
            return following not in {"TIME", "LOCAL"}
        return bool(_AFTER_TYPE.fullmatch(first)) or (first == "CHARACTER" and following == "SET")


def _first_word(token: Token) -> str:
    """In upper case; sqlglot reads ``PRIMARY KEY`` and the like as one token."""
    return token.text.upper().partition(" ")[0]


def element_list(tokens: list[Token], sql: str) -> tuple[list[Element], int]:
    """The elements of the first parenthesised list, and the index after its closing parenthesis.

    The index is 0 where there is no list or it is not closed.
    """
    opening = next(
        (i for i, token in enumerate(tokens) if token.token_type == TokenType.L_PAREN), None
    )
    elements: list[Element] = []
    if opening is None:
        return elements, 0
    depth, first = 0, opening + 1
    for index in range(opening, len(tokens)):
        kind = tokens[index].token_type
        depth += nesting(tokens[index])
        if (depth == 1 and kind == TokenType.COMMA) or depth == 0:
            if index > first:
                comment = _comment_after(sql, tokens[index - 1].end + 1)
                elements.append(Element(tuple(tokens[first:index]), comment))
            first = index + 1
        if depth == 0:
            return elements, index + 1
    return elements, 0


def _comment_after(sql: str, position: int) -> str:
    found = _TRAILING_COMMENT.match(sql, position)
    return (found[1] or found[2] or "").strip() if found else ""


@dataclass(frozen=True, slots=True)
class TableBody:
    """What the elements of a CREATE TABLE or of an ALTER TABLE ADD come to."""

    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]


def table_body(
    nodes: Iterable[exp.Expr], elements: Iterable[Element], sql: str, dialect: str
) -> TableBody:
    """Columns with their primary keys marked, and keys, from schema elements of the tree."""
    nodes = list(nodes)
    written = {element.tokens[0].text: element for element in reversed(list(elements))}
    columns: list[Column] = []
    primary_key: list[str] = []
    foreign_keys: list[ForeignKey] = []
    for node in nodes:
        if isinstance(node, exp.ColumnDef | exp.Identifier):
            columns.append(_column(node, written, sql, dialect))
            foreign_keys += _inline_foreign_keys(node)
        else:
            primary_key += _primary_key(node)
            foreign_keys += _foreign_keys(node)
    names = tuple(primary_key)
    columns = _with_values(columns, checked_values(nodes))
    return TableBody(with_primary_key(tuple(columns), names), names, tuple(foreign_keys))


def _with_values(columns: list[Column], checked: Mapping[str, tuple[str, ...]]) -> list[Column]:
    return [replace(c, values=c.values or checked.get(c.name.casefold(), ())) for c in columns]


def _column(node: exp.Expr, written: Mapping[str, Element], sql: str, dialect: str) -> Column:
    name = spelled(node)
    element = written.get(name)
    if element:
        type_ = element.type_text(sql)
    else:
        kind = node.args.get("kind")
        type_ = kind.sql(dialect=dialect) if isinstance(kind, exp.Expr) else ""
    constraints = [c.args.get("kind") for c in node.args.get("constraints") or ()]
    values = enum_values(node.args.get("kind")) or checked_values(constraints).get(name.casefold())
    return Column(
        name=name,
        type=type_,
        comment=_inline_comment(constraints) or (element.comment if element else ""),
        primary_key=any(isinstance(c, exp.PrimaryKeyColumnConstraint) for c in constraints),
        quoted=is_quoted(node if isinstance(node, exp.Identifier) else node.this),
        values=values or (),
    )


def _inline_comment(constraints: Iterable[exp.Expr | None]) -> str:
    for constraint in constraints:
        if isinstance(constraint, exp.CommentColumnConstraint):
            return str(constraint.this.name)
        if isinstance(constraint, exp.Properties) and (text := description(constraint)):
            return text
    return ""


def description(properties: exp.Properties | None) -> str:
    """The comment among a table's or column's options (``COMMENT=``, ``description=``)."""
    for item in properties.expressions if properties else ():
        if isinstance(item, exp.SchemaCommentProperty):
            return str(item.this.name)
        if isinstance(item, exp.Property) and item.name.casefold() == "description":
            value = item.args.get("value")
            return value.name if isinstance(value, exp.Expr) else ""
    return ""


def _inline_foreign_keys(node: exp.Expr) -> Iterator[ForeignKey]:
    for constraint in node.args.get("constraints") or ():
        kind = constraint.args.get("kind")
        if isinstance(kind, exp.Reference):
            yield from _references((spelled(node),), kind)


def _primary_key(node: exp.Expr) -> tuple[str, ...]:
    """Column names of a table-level PRIMARY KEY, with or without CONSTRAINT around it."""
    if isinstance(node, exp.PrimaryKey):
        return tuple(spelled(item) for item in node.expressions)
    if isinstance(node, exp.Constraint | exp.AddConstraint):
        if any(isinstance(part, exp.PrimaryKeyColumnConstraint) for part in node.expressions):
            return tuple(spelled(column) for column in node.find_all(exp.Column))
        return tuple(name for part in node.expressions for name in _primary_key(part))
    return ()


def _foreign_keys(node: exp.Expr) -> Iterator[ForeignKey]:
    if isinstance(node, exp.ForeignKey):
        if isinstance(reference := node.args.get("reference"), exp.Reference):
            yield from _references(tuple(spelled(item) for item in node.expressions), reference)
    elif isinstance(node, exp.Constraint | exp.AddConstraint):
        for part in node.expressions:
            yield from _foreign_keys(part)


def _references(columns: tuple[str, ...], reference: exp.Reference) -> Iterator[ForeignKey]:
    target = reference.this
    referenced: tuple[str, ...] = ()
    if isinstance(target, exp.Schema):
        referenced = tuple(spelled(item) for item in target.expressions)
        target = target.this
    if isinstance(target, exp.Table):
        namespace, name = table_name(target)
        yield ForeignKey(columns, f"{namespace}.{name}" if namespace else name, referenced)
