"""Answers that need no second request: undo, a cursor that comes back, a statement typed along.

An answer is found by all that it depends on, so none has to be thrown away when something changes.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Reply = Mapping[str, Any]

MOST_QUESTIONS = 64

_CLOSING = re.compile(r"[\s.!?。！？]+\Z")  # noqa: RUF001 (East Asia's full-width marks)
_LITERAL = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")


@dataclass(frozen=True, slots=True)
class Ground:
    """What an answer depends on beside its question.

    ``schema`` is a digest and ``adapter`` the active one's; ``epoch`` is the link's.
    """

    schema: str
    adapter: str | None
    workspace: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Kept:
    """``n`` is how many candidates were asked for."""

    question: str
    n: int
    reply: Reply


class RecentAnswers:
    """The answers to the questions asked last. Belongs to the event loop."""

    def __init__(self, most: int = MOST_QUESTIONS) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[Ground, str], dict[int, Kept]] = OrderedDict()

    def keep(self, ground: Ground, question: str, n: int, reply: Reply) -> None:
        """Only a reply that asking again would repeat: with candidates, not cut short by time."""
        key = (ground, core_of(question))
        self._kept.setdefault(key, {})[n] = Kept(question, n, reply)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def find(self, ground: Ground, question: str) -> list[Kept]:
        """The answers to this question, those to fewer candidates first."""
        key = (ground, core_of(question))
        if key not in self._kept:
            return []
        self._kept.move_to_end(key)
        found = (kept for _, kept in sorted(self._kept[key].items()))
        return [kept for kept in found if _means_the_same(kept, question)]

    def knows(self, question: str) -> bool:
        """Whether `find` might find something: a guess that costs nothing."""
        core = core_of(question)
        return any(known == core for _, known in self._kept)


def core_of(question: str) -> str:
    """The question without what a comment gains while it is finished: closing marks, a capital."""
    core = _CLOSING.sub("", question) or question
    return core[:1].lower() + core[1:]


def _means_the_same(kept: Kept, question: str) -> bool:
    """Whether the answer quotes nothing of what the two questions spell differently.

    "Wang's age" may have been answered with 'Wang', and "wang's age" may not be.
    """
    if kept.question == question:
        return True
    quoted = " ".join(_literals(kept.reply))
    return not any(word in quoted for word in _differing(kept.question, question))


def _differing(question: str, other: str) -> Iterator[str]:
    """The words of ``question`` that may be spelled otherwise in ``other``, of the same core."""
    if question[:1] != other[:1]:
        yield question.split()[0].split("'")[0]
    if _CLOSING.search(question):
        yield question.split()[-1]


def _literals(reply: Reply) -> Iterator[str]:
    for candidate in reply.get("candidates") or ():
        yield from _LITERAL.findall(str(candidate["sql"]))
