"""Where accepted statements stand in their documents while these are edited.

Pure bookkeeping on texts. All offsets are in characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from squill.pairs.comments import asked_statements
from squill.pairs.pair import normal_question
from squill.questions import line_end
from squill.scanner import scan
from squill.statements import split_statements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from squill.statements import Statement

_MOST = 200
"""Accepted statements that are followed in one document; the oldest are let go."""

_LINE_COMMENTS = re.compile(r";?[ \t]*\n(?:[ \t]*--[^\n]*(?:\n|\Z))+")
_LIKE = 0.5
"""Of their words, by `_likeness`: above it, one statement is taken for an edited other."""

_TOKENS = re.compile(r"\w+|[^\w\s]")
_MARKS = re.compile(r"--|/\*|\*/|#|(?m:^\s*\*)")


@dataclass(slots=True, eq=False)
class Acceptance:
    """``suggested`` is what was accepted; ``start`` and ``end`` are where it stands now.

    ``saved``: the document was saved with it. ``replaced``: its whole text was deleted or typed
    over, so that what stands in its place is its own only below the same question. ``ended_as``:
    its words when an edit left no text that is its own for certain, None while it is followed.
    ``alternatives`` are the lines of the other suggestions, which stood in comments below it.
    """

    question: str
    suggested: str
    dialect: str
    start: int
    end: int
    alternatives: frozenset[str] = frozenset()
    saved: bool = False
    replaced: bool = False
    ended_as: str | None = None

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

        White space, the statement's semicolon and the alternatives below it are its own.
        """
        if not (start < self.end and self.start < end):
            return False
        above = before[start : max(start, self.start)]
        below = before[min(self.end, end) : end].lstrip().removeprefix(";")
        return bool(above.strip()) or not self.offers(below)

    def offers(self, text: str) -> bool:
        """Whether every line of ``text`` is one of the alternatives', commented out or not."""
        lines = (_words(line.strip().removeprefix("--")) for line in text.splitlines())
        return all(line in self.alternatives for line in lines if line)


@dataclass(frozen=True, slots=True)
class Standing:
    """What an acceptance has become. ``sql`` is empty where no statement is left.

    ``asks``: its comment stands above the statement, or above the gap that it left.
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
        self._ended: dict[str, list[Acceptance]] = {}

    def accept(
        self, uri: str, text: str, dialect: str, near: int, question: str, sql: str
    ) -> Acceptance | None:
        """Follow the statement ``sql`` that now stands near an offset of ``text``.

        ``sql`` may be empty: then it is the one below the comment that asks ``question``. None
        where there is no such statement.
        """
        statements = split_statements(text, dialect)
        wanted = normal_question(question)
        ends = {
            asked.end
            for asked in asked_statements(text, dialect)
            if normal_question(asked.question) == wanted
        }
        same = [each for each in statements if each.text.split() == sql.split()]
        below = [each for each in statements if each.end in ends]
        found = _nearest([each for each in same if each in below] or same or below, near)
        if found is None:
            return None
        followed = self._followed.setdefault(uri, [])
        others = [each for each in followed if not _gives_way(each, question, found)]
        followed[:] = others[-_MOST + 1 :]
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
        of it cleared), the statement is found again by its question and its words, or ends until
        both stand in the document again (cut and pasted, undone and redone).
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
        for acceptance in lost:
            words = _words(before[acceptance.start : acceptance.end])
            words = words or _words(acceptance.suggested)
            if not _found_again(acceptance, words, after):
                acceptance.ended_as = words
                self._ended.setdefault(uri, []).append(acceptance)
        followed[:] = [each for each in followed if each.ended_as is None]

    def saved(self, uri: str, text: str) -> list[Standing]:
        """The document was saved as ``text``; gives what `standing` does."""
        standings = self.standing(uri, text)
        for standing in standings:
            standing.acceptance.saved |= bool(standing.sql)
        return standings

    def follows(self, uri: str) -> bool:
        """Whether anything was accepted in the document since it was opened."""
        return bool(self._followed.get(uri) or self._ended.get(uri))

    def closed(self, uri: str) -> None:
        self._followed.pop(uri, None)
        self._ended.pop(uri, None)

    def standing(self, uri: str, text: str) -> list[Standing]:
        """What became of every accepted statement of the document, which is now ``text``."""
        followed = self._followed.get(uri, [])
        ended = self._ended.pop(uri, [])
        for acceptance in ended:
            words = acceptance.ended_as or ""
            if _found_again(acceptance, words, text) and not _is_followed(acceptance, followed):
                acceptance.ended_as, acceptance.replaced = None, False
                followed.append(acceptance)
        if still := [each for each in ended if each.ended_as is not None]:
            self._ended[uri] = still[-_MOST:]
        seen = {dialect: _Seen(text, dialect) for dialect in {each.dialect for each in followed}}
        return [seen[each.dialect].standing(each) for each in followed]


def _found_again(acceptance: Acceptance, words: str, text: str) -> bool:
    """Let it stand at the one statement of ``text`` that has its question and ``words``, if any."""
    statements = {each.end: each for each in split_statements(text, acceptance.dialect)}
    wanted = normal_question(acceptance.question)
    same = [
        statements[asked.end]
        for asked in asked_statements(text, acceptance.dialect)
        if normal_question(asked.question) == wanted and _words(asked.sql) == words
    ]
    if len(same) != 1:
        return False
    acceptance.start, acceptance.end = same[0].start, same[0].end
    return True


def _gives_way(acceptance: Acceptance, question: str, statement: Statement) -> bool:
    """To ``statement``, accepted in its place: where it was itself, or below the same question."""
    asks_the_same = normal_question(acceptance.question) == normal_question(question)
    return _overlap(acceptance, statement) or (acceptance.replaced and asks_the_same)


def _is_followed(acceptance: Acceptance, followed: Iterable[Acceptance]) -> bool:
    return any(each.start < acceptance.end and acceptance.start < each.end for each in followed)


def _commented_below(text: str, end: int) -> frozenset[str]:
    """The words of the line comments directly below a statement."""
    found = _LINE_COMMENTS.match(text, end)
    lines = found[0].splitlines() if found else []
    return frozenset(_words(line.strip().removeprefix("--")) for line in lines)


def _words(sql: str) -> str:
    """Without what formatters change: white space, letter case, the closing semicolon."""
    return "".join(sql.casefold().split()).rstrip(";")


def _likeness(one: str, other: str) -> float:
    """How many of their tokens two statements have in common: 1 for all, 0 for none."""
    first, second = _TOKENS.findall(one.casefold()), _TOKENS.findall(other.casefold())
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


class _Seen:
    """A text's statements and questions, as a dialect has them."""

    def __init__(self, text: str, dialect: str) -> None:
        self._text = text
        self._dialect = dialect
        self._statements = split_statements(text, dialect)
        self._asked = {each.end: each for each in asked_statements(text, dialect)}

    def standing(self, acceptance: Acceptance) -> Standing:
        within = [each for each in self._statements if _overlap(acceptance, each)]
        found = max(within, key=lambda s: _likeness(s.text, acceptance.suggested), default=None)
        if found is None or not self._is_own(acceptance, found):
            found = next((s for s in self._statements if self._took_its_place(acceptance, s)), None)
        if found is None:
            return Standing(acceptance, acceptance.question, "", self._asks_above(acceptance))
        asked = self._asked.get(found.end)
        question = asked.question if asked else acceptance.question
        return Standing(acceptance, question, found.text, asks=asked is not None)

    def _is_own(self, acceptance: Acceptance, statement: Statement) -> bool:
        """Whether a statement at its place is what the acceptance has become.

        One that was undone before it was saved was never accepted: only itself, or one of its
        alternatives, brings it back. Below another question, or none, it may be put to another
        use: it is the acceptance's only as long as most of its words are.
        """
        if self._was_offered(acceptance, statement):
            return True
        if self._is_below(acceptance.question, statement):
            return acceptance.saved or not acceptance.replaced
        likeness = _likeness(statement.text, acceptance.suggested)
        return not acceptance.replaced and likeness > _LIKE

    def _was_offered(self, acceptance: Acceptance, statement: Statement) -> bool:
        if _words(statement.text) == _words(acceptance.suggested):
            return True
        return acceptance.offers(statement.text)

    def _is_below(self, question: str, statement: Statement) -> bool:
        asked = self._asked.get(statement.end)
        return asked is not None and normal_question(asked.question) == normal_question(question)

    def _took_its_place(self, acceptance: Acceptance, statement: Statement) -> bool:
        """Whether it, or an alternative, stands elsewhere below the same comment."""
        asked = self._asked.get(statement.end)
        if asked is None or not asked.start <= acceptance.start <= asked.end:
            return False
        return self._is_answer(acceptance, statement)

    def _is_answer(self, acceptance: Acceptance, statement: Statement) -> bool:
        """Whether it was suggested for the question that it stands below."""
        below = self._is_below(acceptance.question, statement)
        return below and self._was_offered(acceptance, statement)

    def _asks_above(self, acceptance: Acceptance) -> bool:
        """Whether nothing is left of a saved statement but its question, directly above the gap."""
        at, text = acceptance.start, self._text
        rest = text[at : max(acceptance.end, line_end(text, at))]
        if not acceptance.saved or rest.strip().strip(";"):
            return False
        if any(self._is_answer(acceptance, each) for each in self._statements):
            return False
        above = ""
        for comment in reversed(scan(text, self._dialect).comments):
            if comment.end <= at and not text[comment.end : at].strip():
                above = f"{text[comment.start : comment.end]}\n{above}"
                at = comment.start
        asked = normal_question(_bare_words(above))
        return f" {asked}".endswith(f" {_bare_words(normal_question(acceptance.question))}")


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
