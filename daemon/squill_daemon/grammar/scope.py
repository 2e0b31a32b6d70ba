"""Which columns a FROM clause has brought into scope: what no context-free grammar can say.

For answers in slots. A column slot belongs to one table, so that a SELECT list says which tables
its FROM clause must name, and a FROM clause says which columns may follow it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from squill_daemon.grammar.slot_tokens import CONNECTIVES, LATER
from squill_daemon.grammar.table_links import TableLinks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from squill_daemon.grammar.slot_tokens import SlotTokens

Allowed = np.ndarray[tuple[int], np.dtype[np.bool_]]

_SELECT = ("SELECT ", "SELECT DISTINCT ")
_JOINS = (" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN ", " CROSS JOIN ", " FROM ", ", ")
_ITEMS = (*_SELECT, ", ")
_MOST_CONDITIONS = 2
"""In one ON clause, as long as a table that a column needs is missing: a key of two columns."""


class Source(NamedTuple):
    """A table slot in a FROM clause, or what a column needs there; ``alias`` may be empty."""

    table: str
    alias: str


@dataclass(eq=False)
class _Frame:
    """One SELECT. ``depth``: parentheses around it. ``clause``: select, from, on, later or ordered
    (behind a set operation, where only names of outputs can stand). ``shown``: columns of its list
    that stand by themselves. ``conditions``: of its last ON.
    """

    depth: int
    outer: _Frame | None
    compound: bool = False
    clause: str = "select"
    sources: list[Source] = field(default_factory=list)
    wanted: set[Source] = field(default_factory=set)
    shown: set[int] = field(default_factory=set)
    conditions: int = 0

    def chain(self) -> Iterator[_Frame]:
        """This SELECT and those around it whose tables it may use."""
        frame: _Frame | None = self
        while frame is not None:
            yield frame
            frame = frame.outer

    def has(self, source: Source) -> bool:
        return any(source in frame.sources for frame in self.chain())

    def has_alias(self, alias: str) -> bool:
        return any(source.alias == alias for f in self.chain() for source in f.sources)

    @property
    def open_outer(self) -> _Frame | None:
        """A SELECT around this one whose FROM clause is yet to come."""
        return next((f for f in self.chain() if f is not self and f.clause == "select"), None)

    @property
    def missing(self) -> set[Source]:
        return {source for source in self.wanted if not self.has(source)}


class Scope:
    """The SELECTs that are open in one answer."""

    def __init__(
        self,
        tokens: SlotTokens,
        owners: Iterable[tuple[str, str]],
        links: Iterable[tuple[str, str]] = (),
    ) -> None:
        """``owners``: column slots, each with its table's. ``links``: tables that keys connect."""
        self._tokens = tokens
        self._links = TableLinks(links)
        self._owners = dict(owners)
        self._columns: dict[str, list[int]] = {}
        for token, column in tokens.columns.items():
            self._columns.setdefault(self._owners.get(column, ""), []).append(token)
        self._frames: list[_Frame] = []
        self._depth = 0
        self._quote = ""
        self._last = ("", "")

    def take(self, token: int) -> None:
        """Goes on by one token that the grammar allowed."""
        text = self._tokens.texts[token]
        if self._quote or text.lstrip()[:1] in ("'", '"'):
            self._take_quoted(text)
        elif text in _SELECT:
            self._open()
        else:
            if self._frames:
                self._take_in_select(self._frames[-1], token, text)
            self._nest(text)
        self._last = (self._last[1], text)

    def _take_quoted(self, text: str) -> None:
        for character in text:
            if not self._quote and character in "'\"":
                self._quote = character
            elif character == self._quote:
                self._quote = ""

    def _nest(self, text: str) -> None:
        self._depth += text.count("(") - text.count(")")
        while self._frames and self._frames[-1].depth > self._depth:
            closed = self._frames.pop()
            if (outer := closed.open_outer) is not None:
                outer.wanted |= closed.missing

    def _open(self) -> None:
        top = self._frames[-1] if self._frames else None
        if top is not None and top.depth == self._depth:
            self._frames[-1] = _Frame(self._depth, top.outer, compound=True)
            return
        derived = top is None or top.clause == "from"
        self._frames.append(_Frame(self._depth, None if derived else top))

    def _take_in_select(self, frame: _Frame, token: int, text: str) -> None:
        if token in self._tokens.tables:
            frame.sources.append(Source(text, ""))
        elif token in self._tokens.columns:
            if self._is_item(frame):
                frame.shown.add(token)
            self._want(frame, text)
        elif token in self._tokens.aliases and self._names_a_table:
            frame.sources[-1] = Source(self._last[0], text)
        elif self._depth == frame.depth:
            self._take_keyword(frame, text)

    def _take_keyword(self, frame: _Frame, text: str) -> None:
        if text in _JOINS and (text == " FROM " or frame.clause in ("from", "on")):
            frame.clause = "from"
        elif text == " ON ":
            frame.clause, frame.conditions = "on", 1
        elif text in CONNECTIVES:
            frame.conditions += 1
        elif text in LATER:
            ordered = frame.compound and text == " ORDER BY "
            frame.clause = "ordered" if ordered else "later"

    def _want(self, frame: _Frame, column: str) -> None:
        source = Source(self._owners.get(column, ""), self._alias)
        if frame.clause == "select":
            frame.wanted.add(source)
        elif not frame.has(source) and (outer := frame.open_outer) is not None:
            outer.wanted.add(source)

    def _is_item(self, frame: _Frame) -> bool:
        """Whether a column that comes next is one of the SELECT list's own, and no argument."""
        return frame.clause == "select" and self._depth == frame.depth and self._last[1] in _ITEMS

    @property
    def _alias(self) -> str:
        """The alias that stands before a column which comes next."""
        return self._last[0] if self._last[1] == "." else ""

    @property
    def _names_a_table(self) -> bool:
        """Whether an alias that comes next is the alias of a table."""
        return self._last[1] == " AS " and self._last[0] in self._tokens.tables.values()

    def narrow(self, allowed: Allowed) -> Allowed:
        """``allowed`` without what has no table; unchanged where nothing else would be left."""
        if not self._frames or self._quote:
            return allowed
        frame = self._frames[-1]
        narrowed = allowed.copy()
        for rule in self._rules:
            narrowed[list(rule(frame))] = False
        return narrowed if narrowed.any() else allowed

    @property
    def _rules(self) -> Iterable[Callable[[_Frame], Iterable[int]]]:
        """Each gives tokens that may not come next."""
        yield from (self._strangers, self._exits, self._detours, self._tangents)
        yield from (self._aliasing, self._aliases, self._repeats)

    def _strangers(self, frame: _Frame) -> Iterator[int]:
        """Columns whose table is not in scope."""
        for table, tokens in self._columns.items():
            if not self._fits(frame, Source(table, self._alias)):
                yield from tokens

    def _fits(self, frame: _Frame, source: Source) -> bool:
        if frame.clause == "select":
            return not source.alias or all(
                other.table == source.table for other in frame.wanted if other.alias == source.alias
            )
        if frame.clause == "ordered":
            return False
        return frame.has(source) or frame.open_outer is not None

    def _repeats(self, frame: _Frame) -> Iterable[int]:
        """Columns that the SELECT list shows already."""
        return frame.shown if self._is_item(frame) else ()

    def _exits(self, frame: _Frame) -> Iterator[int]:
        """What ends a FROM clause that is not complete."""
        if self._depth != frame.depth or frame.clause == "later" or not frame.missing:
            return
        yield from self._tokens.exits
        if frame.open_outer is None:
            yield from self._tokens.closing

    def _detours(self, frame: _Frame) -> Iterator[int]:
        """What keeps a FROM clause from naming the tables that it must."""
        missing = {source.table for source in frame.missing}
        if frame.clause != "from" or not missing:
            return
        yield from self._tokens.subquery
        named = {source.table for source in frame.sources}
        for token, table in self._tokens.tables.items():
            if table not in missing and not self._links.leads(table, named, missing):
                yield token

    def _tangents(self, frame: _Frame) -> Iterable[int]:
        """More conditions of a join, where a table that comes later is what is needed."""
        enough = frame.clause == "on" and frame.conditions >= _MOST_CONDITIONS
        return self._tokens.connectives if enough and frame.missing else ()

    def _aliasing(self, frame: _Frame) -> Iterable[int]:
        """Whether an alias must or must not follow the table that was just named."""
        table = self._last[1]
        if table not in self._tokens.tables.values():
            return ()
        plain = Source(table, "")
        if frame.sources.count(plain) > 1:
            return self._tokens.all_but_aliasing
        if plain in frame.wanted:
            return self._tokens.aliasing
        return self._tokens.all_but_aliasing if self._due(frame, table) else ()

    def _due(self, frame: _Frame, table: str) -> set[str]:
        """Aliases of a table that the SELECT list has used already."""
        return {source.alias for source in frame.missing if source.table == table}

    def _aliases(self, frame: _Frame) -> Iterator[int]:
        """Aliases that would be wrong here."""
        table = self._last[0] if self._names_a_table else ""
        due = self._due(frame, table) if table else set()
        again = sum(source.table == table for source in frame.sources) > 1
        for token, alias in self._tokens.aliases.items():
            if table:
                others = {s.alias for s in frame.wanted if s.table != table}
                fresh = not frame.has_alias(alias) and alias not in others
                right = alias in due or (fresh and not (due and again))
            else:
                known = frame.has_alias(alias) or frame.open_outer is not None
                right = frame.clause == "select" or known
            if not right:
                yield token
