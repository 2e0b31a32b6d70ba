"""Which tables lead to others over foreign keys, whichever side has the key."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

_FAR = 1 << 30
_MOST_UNDECLARED = 1
"""Tables between two others where a schema declares no foreign key that would tell."""


class TableLinks:
    """The graph of a schema's foreign keys; distances are counted when they are first asked for."""

    def __init__(self, links: Iterable[tuple[str, str]]) -> None:
        self._next: dict[str, set[str]] = {}
        for table, referred in links:
            self._next.setdefault(table, set()).add(referred)
            self._next.setdefault(referred, set()).add(table)
        self._from: dict[str, dict[str, int]] = {}

    def leads(self, table: str, named: Set[str], missing: Set[str]) -> bool:
        """Whether ``table`` is on the way to a ``missing`` one, in a FROM clause with ``named``.

        The way is the shortest from any of those; before the first is named, from anywhere.
        """
        if table in named:
            return False
        if not self._next:
            return len(named) <= _MOST_UNDECLARED
        if not named:
            return any(self._distance(table, wanted) < _FAR for wanted in missing)
        return any(
            self._distance(start, table) + self._distance(table, end) == self._distance(start, end)
            for start in named
            for end in missing
            if self._distance(start, end) < _FAR
        )

    def _distance(self, start: str, end: str) -> int:
        if start not in self._from:
            self._from[start] = self._distances(start)
        return self._from[start].get(end, _FAR)

    def _distances(self, start: str) -> dict[str, int]:
        found, waiting = {start: 0}, deque([start])
        while waiting:
            table = waiting.popleft()
            for neighbour in self._next.get(table, ()):
                if neighbour not in found:
                    found[neighbour] = found[table] + 1
                    waiting.append(neighbour)
        return found
