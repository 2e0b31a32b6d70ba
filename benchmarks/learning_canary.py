"""General questions over made-up tables that neither the trainer nor its gate ever sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.prompt import format_by_id
from squill_trainer.learning.general import watched_pairs

if TYPE_CHECKING:
    from squill.schema import Schema

QUESTIONS = 200

_GATE = 1_000  # the gate's are the first of the same stream, far fewer than these
_SLOTS = format_by_id("slots-1")


@dataclass(frozen=True, slots=True)
class General:
    """A question with its own tables."""

    schema: Schema
    question: str
    sql: str


def canary(count: int = QUESTIONS) -> list[General]:
    """The same ones each time, no two alike, none that the gate may have asked."""
    seen = {pair.question.casefold() for pair in watched_pairs(_GATE)}
    found: list[General] = []
    for pair in watched_pairs(_GATE + 5 * count)[_GATE:]:
        if len(found) < count and pair.question.casefold() not in seen:
            seen.add(pair.question.casefold())
            sql = _SLOTS.sql(pair.target, pair.schema, pair.question)
            found.append(General(pair.schema, pair.question, sql))
    return found
