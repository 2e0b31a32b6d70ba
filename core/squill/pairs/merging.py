"""Which of the pairs that say the same, or contradict one another, is learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.binding import bind
from squill.canonical import canonical
from squill.pairs.pair import Overruled, normal_question
from squill.respelling import respell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from squill.pairs.pair import Pair
    from squill.pairs.reader import Found

_MOST_FORMS = 50_000


@dataclass(frozen=True, slots=True)
class Dated:
    """A pair and since when it stands, in seconds since the epoch."""

    found: Found
    time: float


@dataclass(frozen=True, slots=True)
class Merged:
    usable: tuple[Pair, ...]
    conflicts: tuple[Overruled, ...]
    duplicates: tuple[Overruled, ...]


class Merger:
    """Keeps the canonical forms that it had to make."""

    def __init__(self) -> None:
        self._forms: dict[tuple[str, str], str] = {}

    def merge(self, pairs: Iterable[Dated]) -> Merged:
        """One pair for each question on a schema, in the order of ``pairs``.

        Among several the newest statement wins (on equal times the later one). Of pairs with that
        statement, however it is spelled, the first is used, so that a repetition changes nothing.
        """
        groups: dict[tuple[str, str], list[Dated]] = {}
        for dated in pairs:
            key = (normal_question(dated.found.pair.question), dated.found.schema.digest)
            groups.setdefault(key, []).append(dated)
        usable: list[Pair] = []
        conflicts: list[Overruled] = []
        duplicates: list[Overruled] = []
        for group in groups.values():
            if len(group) == 1:
                usable.append(group[0].found.pair)
                continue
            same, others = self._split(group)
            usable.append(same[0])
            duplicates += [Overruled(pair, same[0]) for pair in same[1:]]
            conflicts += [Overruled(pair, same[0]) for pair in others]
        return Merged(tuple(usable), tuple(conflicts), tuple(duplicates))

    def _split(self, group: list[Dated]) -> tuple[list[Pair], list[Pair]]:
        """Those that say what the newest says, and the others."""
        newest = max(enumerate(group), key=lambda item: (item[1].time, item[0]))[1].found
        same: list[Pair] = []
        others: list[Pair] = []
        for dated in group:
            (same if self._agree(dated.found, newest) else others).append(dated.found.pair)
        return same, others

    def _agree(self, found: Found, other: Found) -> bool:
        return found.pair.sql == other.pair.sql or self._form(found) == self._form(other)

    def _form(self, found: Found) -> str:
        """The statement's canonical form; changes, which have none, in canonical spelling."""
        sql, schema = found.pair.sql, found.schema.schema
        key = (found.schema.digest, sql)
        if key not in self._forms:
            if len(self._forms) >= _MOST_FORMS:
                self._forms.clear()
            form = canonical(sql, schema, strict=True)
            self._forms[key] = form if form is not None else respell(bind(sql, schema), schema)
        return self._forms[key]
