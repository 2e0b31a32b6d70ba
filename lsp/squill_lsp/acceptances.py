"""Where accepted statements stand in their documents while these are edited.

Pure bookkeeping on texts. All offsets are in characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.pairs.comments import asked_statements
from squill.pairs.pair import normal_question
from squill.statements import split_statements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from squill.statements import Statement

_MOST = 200
"""Accepted statements that are followed in one document; the oldest are let go."""

_LINE_COMMENTS = re.compile(r";?[ \t]*\n(?:[ \t]*--[^\n]*(?:\n|\Z))+")
_MARKS = re.compile(r"--|/\*|\*/|#|(?m:^\s*\*)")


@dataclass(slots=True, eq=False)
class Acceptance:
    """``suggested`` is what was accepted; ``start`` and ``end`` are where it stands now.

    ``saved``: the document was saved with it. ``replaced``: its whole text was deleted or typed
    over, so that what stands in its place is its own only below the same question. ``ended``: it
    isn't followed any more, for an edit left no text that is its own for certain.
    ``alternatives`` are the other suggestions, which stood in comments below it.
    """

    question: str
    suggested: str
    dialect: str
    start: int
    end: int
    alternatives: frozenset[str] = frozenset()
    saved: bool = False
    replaced: bool = False
    ended: bool = False

    def moved(self, start: int, end: int, inserted: int) -> None:
        """The text from ``start`` to ``end`` was replaced by ``inserted`` characters.

        What takes the place of the statement, or of a part of it, belongs to it.
        """
        growth = inserted - (end - start)
        is_empty = self.start == self.end
        if start > self.end or (start == self.end and not is_empty):
            return
        if end < self.start or (end == self.start and not is_empty):
            self.start += growth
        else:
            self.replaced |= start <= self.start and self.end <= end
            self.start = min(self.start, start)
        self.end = max(self.end, end) + growth

    def reaches_beyond(self, before: str, start: int, end: int) -> bool:
        """Whether an edit of this region changes the statement and other text beside it.

        White space and the statement's semicolon are its own.
        """
        if not (start < self.end and self.start < end):
            return False
        beside = before[start : max(start, self.start)] + before[min(self.end, end) : end]
        return bool(beside.strip().strip(";").strip())


@dataclass(frozen=True, slots=True)
class Standing:
    """What an acceptance has become. ``sql`` is empty where no statement is left.

    ``asks``: its comment is still there.
    """

    acceptance: Acceptance
    question: str
    sql: str
    asks: bool

    @property
    def edited(self) -> bool:
        return self.sql.split() != self.acceptance.suggested.split()


class Acceptances:
    """The accepted statements of all open documents. Belongs to the event loop."""

    def __init__(self) -> None:
        self._followed: dict[str, list[Acceptance]] = {}

    def accept(
        self, uri: str, text: str, dialect: str, near: int, question: str, sql: str
    ) -> Acceptance | None:
        """Follow the statement ``sql`` that now stands near an offset of ``text``.

        ``sql`` may be empty: then it is the one below the comment that asks ``question``. None
        where there is no such statement.
        """
        statements = split_statements(text, dialect)
        found = _nearest((s for s in statements if s.text.split() == sql.split()), near)
        if found is None:
            asked = asked_statements(text, dialect)
            wanted = normal_question(question)
            ends = {each.end for each in asked if normal_question(each.question) == wanted}
            found = _nearest((s for s in statements if s.end in ends), near)
        if found is None:
            return None
        followed = self._followed.setdefault(uri, [])
        followed[:] = [each for each in followed if not _overlap(each, found)][-_MOST + 1 :]
        acceptance = Acceptance(
            question,
            sql or found.text,
            dialect,
            found.start,
            found.end,
            _commented_below(text, found.end),
        )
        followed.append(acceptance)
        return acceptance

    def edited(self, uri: str, before: str, after: str) -> None:
        """One change made ``before`` of a document into ``after``.

        Where it changes a statement and text beside it (a file replaced on disk, a formatter, all
        of it cleared), the statement is found again by its question and its words, or ends.
        """
        if not (followed := self._followed.get(uri)):
            return
        start, end, inserted = changed_region(before, after)
        lost = [each for each in followed if each.reaches_beyond(before, start, end)]
        for acceptance in followed:
            if acceptance not in lost:
                acceptance.moved(start, end, inserted)
                stands = _words(after[acceptance.start : acceptance.end])
                acceptance.replaced &= stands != _words(acceptance.suggested)
        if lost:
            _find_again(lost, before, after)
        followed[:] = [each for each in followed if not each.ended]

    def saved(self, uri: str) -> None:
        """The document was saved as it is."""
        for acceptance in self._followed.get(uri, []):
            acceptance.saved = True

    def follows(self, uri: str) -> bool:
        """Whether anything was accepted in the document since it was opened."""
        return bool(self._followed.get(uri))

    def closed(self, uri: str) -> None:
        self._followed.pop(uri, None)

    def standing(self, uri: str, text: str) -> list[Standing]:
        """What became of every accepted statement of the document, which is now ``text``."""
        followed = self._followed.get(uri, [])
        seen = {dialect: _Seen(text, dialect) for dialect in {each.dialect for each in followed}}
        return [seen[each.dialect].standing(each) for each in followed]


def _find_again(lost: list[Acceptance], before: str, after: str) -> None:
    """Follow each to the statement of ``after`` that has its question and its words, or end it."""
    for acceptance in lost:
        words = _words(before[acceptance.start : acceptance.end])
        statements = {s.end: s for s in split_statements(after, acceptance.dialect)}
        wanted = normal_question(acceptance.question)
        same = [
            statements[asked.end]
            for asked in asked_statements(after, acceptance.dialect)
            if normal_question(asked.question) == wanted and _words(asked.sql) == words
        ]
        if len(same) == 1:
            acceptance.start, acceptance.end = same[0].start, same[0].end
        else:
            acceptance.ended = True


def _commented_below(text: str, end: int) -> frozenset[str]:
    """The words of the line comments directly below a statement."""
    found = _LINE_COMMENTS.match(text, end)
    lines = found[0].splitlines() if found else []
    return frozenset(_words(line.strip().removeprefix("--")) for line in lines)


def _words(sql: str) -> str:
    """Without what formatters change: white space, letter case, the closing semicolon."""
    return "".join(sql.casefold().split()).rstrip(";")


class _Seen:
    """A text's statements and questions, as a dialect has them."""

    def __init__(self, text: str, dialect: str) -> None:
        self._text = text
        self._statements = split_statements(text, dialect)
        self._asked = {each.end: each for each in asked_statements(text, dialect)}

    def standing(self, acceptance: Acceptance) -> Standing:
        wanted = normal_question(acceptance.question)
        found = next((s for s in self._statements if _overlap(acceptance, s)), None)
        if found is not None:
            asked = self._asked.get(found.end)
            if self._is_own(acceptance, found, wanted):
                question = asked.question if asked else acceptance.question
                return Standing(acceptance, question, found.text, asks=asked is not None)
        for other in self._statements:  # an alternative was taken in its place
            asked = self._asked.get(other.end)
            if asked is None or normal_question(asked.question) != wanted:
                continue
            if self._is_close(other) and self._is_own(acceptance, other, wanted):
                return Standing(acceptance, asked.question, other.text, asks=True)
        asks = acceptance.saved and _bare_words(wanted) in _bare_words(normal_question(self._text))
        return Standing(acceptance, acceptance.question, "", asks)

    def _is_own(self, acceptance: Acceptance, statement: Statement, wanted: str) -> bool:
        """Whether a statement is what the acceptance has become.

        One that was undone before it was saved was never accepted: only itself, or one of its
        alternatives, brings it back.
        """
        words = _words(statement.text)
        if not acceptance.replaced or words == _words(acceptance.suggested):
            return True
        if words in acceptance.alternatives:
            return True
        asked = self._asked.get(statement.end)
        return acceptance.saved and asked is not None and normal_question(asked.question) == wanted

    def _is_close(self, statement: Statement) -> bool:
        """Whether the line above is not empty; under a question it was, before the answer came."""
        above = self._text[: statement.start].rstrip(" \t").removesuffix("\n")
        return bool(above[above.rfind("\n") + 1 :].strip())


def _bare_words(text: str) -> str:
    """Without what makes lines a comment, so that a question over several lines is one text."""
    return " ".join(_MARKS.sub(" ", text).split())


def _overlap(acceptance: Acceptance, statement: Statement) -> bool:
    return acceptance.start < statement.end and statement.start < acceptance.end


def _nearest(statements: Iterable[Statement], offset: int) -> Statement | None:
    return min(statements, key=lambda found: abs(found.start - offset), default=None)


def changed_region(before: str, after: str) -> tuple[int, int, int]:
    """Start and end in ``before`` of what differs, and how many characters replace it."""
    most = min(len(before), len(after))
    start = _common(before, after, most)
    tail = _common(before[::-1], after[::-1], most - start)
    return start, len(before) - tail, len(after) - tail - start


def _common(one: str, other: str, most: int) -> int:
    """How many characters, up to ``most``, two texts begin alike."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
