"""Mends a statement that does not bind by the nearest names and keywords. Pure; runs nothing.

A best-first search over small edits, each judged by binding what it gives: the statement that
binds with the least distance from the one that was written wins.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import Token, TokenType

from squill.binding import bind
from squill.errors import UnparsableError
from squill.parsing import parse_tokens, tokenize
from squill_lsp.nearness import KEYWORDS, near_names, nearest_keyword
from squill_lsp.spellings import Spellings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.binding import Binding
    from squill.schema import Schema

MOST_BINDINGS = 400
"""A binding takes well under a millisecond."""

_NAMES = frozenset({TokenType.VAR, TokenType.IDENTIFIER})
_BEFORE_TABLE = frozenset({"FROM", "JOIN", "INTO", "UPDATE"})
_ENDS_LIST = frozenset({"FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "LIMIT", ")"})


@dataclass(frozen=True, slots=True)
class Change:
    """``old`` was written where ``new`` is meant."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Repair:
    """``sql`` binds, and differs from the statement by ``changes``."""

    sql: str
    changes: tuple[Change, ...] = ()


def repair(sql: str, schema: Schema) -> Repair | None:
    """The nearest statement that binds, or None where none is near. For a worker thread.

    A statement that binds already is its own repair, without changes.
    """
    begun = _with_keywords(Repair(sql), schema)
    queue = [_Open(begun, bind(begun.sql, schema), 0.0)]
    seen = {begun.sql}
    while queue:
        nearest = heapq.heappop(queue)
        if nearest.bound.valid:
            return nearest.repair
        for cost, following in _steps(nearest.repair, schema):
            if following.sql in seen:
                continue
            if len(seen) == MOST_BINDINGS:
                return None
            seen.add(following.sql)
            reached = _Open(following, bind(following.sql, schema), nearest.cost + cost)
            if reached.bound.problems != nearest.bound.problems and reached.rank <= nearest.rank:
                heapq.heappush(queue, reached)
    return None


@dataclass(frozen=True, slots=True)
class _Open:
    """A statement that the search has reached. The most hopeful is the least."""

    repair: Repair
    bound: Binding
    cost: float

    @property
    def rank(self) -> tuple[int, int]:
        """A table that is found may bring problems to light that were hidden: it counts first."""
        return -len(self.bound.tables), len(self.bound.problems)

    def __lt__(self, other: _Open) -> bool:
        return (*self.rank, self.cost) < (*other.rank, other.cost)


def _with_keywords(state: Repair, schema: Schema) -> Repair:
    """The statement with its misspelt keywords and stray commas mended, if it parses then."""
    try:
        tokens = tokenize(state.sql, schema.dialect)
    except UnparsableError:
        return state
    state = _replaced(state, [(t, ",", "") for t in _stray_commas(tokens)])
    if _parses(state.sql, schema.dialect):
        return state
    edits = list(_misspelt_keywords(tokenize(state.sql, schema.dialect), Spellings(schema)))
    for chosen in (edits, *([edit] for edit in edits)):
        mended = _replaced(state, chosen)
        if chosen and _parses(mended.sql, schema.dialect):
            return mended
    return state


def _misspelt_keywords(
    tokens: list[Token], spellings: Spellings
) -> Iterator[tuple[Token, str, str]]:
    """Names that should be keywords, and keywords that stand where a table should."""
    known = {name.casefold() for name in spellings.names}
    for before, token in itertools.pairwise([*tokens[:1], *tokens]):
        is_name = token.token_type is TokenType.VAR
        if is_name and token.text.casefold() not in known:
            if keyword := nearest_keyword(token.text):
                yield token, token.text, keyword
        elif not is_name and token.text.isidentifier() and before.text.upper() in _BEFORE_TABLE:
            for _, name in near_names(token.text, spellings.tables)[:1]:
                yield token, token.text, spellings.written(name)


def _stray_commas(tokens: list[Token]) -> Iterator[Token]:
    for comma, after in itertools.pairwise(tokens):
        if comma.token_type is TokenType.COMMA and after.text.upper() in _ENDS_LIST | {","}:
            yield comma


def _parses(sql: str, dialect: str) -> bool:
    try:
        return bool(parse_tokens(tokenize(sql, dialect), sql, dialect))
    except UnparsableError:
        return False


def _replaced(state: Repair, edits: list[tuple[Token, str, str]]) -> Repair:
    sql = state.sql
    for token, _, new in reversed(edits):
        sql = sql[: token.start] + new + sql[token.end + 1 :]
    made = (Change(old, new) for _, old, new in edits)
    return Repair(sql, tuple(dict.fromkeys((*state.changes, *made))))


def _steps(state: Repair, schema: Schema) -> Iterator[tuple[float, Repair]]:
    """Every statement one edit away, with what the edit costs; a name changes all over."""
    try:
        tokens = tokenize(state.sql, schema.dialect)
    except UnparsableError:
        return
    spellings = Spellings(schema)
    places: dict[tuple[str, str, str], list[Token]] = {}
    for qualifier, token, after in _name_tokens(tokens):
        places.setdefault((qualifier, token.text, after), []).append(token)
    aliases = _qualifiers(tokens)
    for (qualifier, text, after), found in places.items():
        candidates = spellings.names + (spellings.functions if after == "(" else [])
        for cost, name in near_names(text, [*candidates, *aliases]):
            new = spellings.written(name)
            yield cost, _replaced(state, [(token, text, new) for token in found])
        if after in (".", "("):
            continue
        for alias in aliases - {qualifier}:
            yield 1.5, _qualified(state, tokens, found, qualifier, alias)


def _name_tokens(tokens: list[Token]) -> Iterator[tuple[str, Token, str]]:
    """Each name with its qualifier (empty for none) and the text behind it."""
    for number, token in enumerate(tokens):
        before = tokens[number - 1].text.upper() if number else ""
        is_keyword = token.text.upper() in KEYWORDS and before not in _BEFORE_TABLE
        if token.token_type not in _NAMES or is_keyword:
            continue
        after = tokens[number + 1].text if number + 1 < len(tokens) else ""
        dotted = number > 1 and tokens[number - 1].token_type is TokenType.DOT
        yield (tokens[number - 2].text if dotted else "", token, after)


def _qualifiers(tokens: list[Token]) -> set[str]:
    """What the statement calls its tables: each table's alias, else its name."""
    found = set()
    for number, token in enumerate(tokens):
        if token.text.upper() not in ("FROM", "JOIN"):
            continue
        last = ""
        for name in tokens[number + 1 : number + 6]:
            if name.token_type in _NAMES:
                last = name.text
            elif name.token_type not in (TokenType.DOT, TokenType.ALIAS):
                break
        if last:
            found.add(last)
    return found


def _qualified(
    state: Repair, tokens: list[Token], found: list[Token], qualifier: str, alias: str
) -> Repair:
    """The columns ``found`` under another qualifier, or under one at all."""
    if not qualifier:
        name = found[0].text
        return _replaced(state, [(token, name, f"{alias}.{name}") for token in found])
    before = {id(token): tokens[number - 2] for number, token in enumerate(tokens) if number > 1}
    edits = [(before[id(token)], f"{qualifier}.{token.text}", alias) for token in found]
    mended = _replaced(state, edits)
    change = Change(f"{qualifier}.{found[0].text}", f"{alias}.{found[0].text}")
    return Repair(mended.sql, (*state.changes, change))
