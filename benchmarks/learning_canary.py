"""General questions over tables that neither the trainer nor its gate ever sees.

``learning/canary.jsonl`` holds 120 that people asked: of WikiSQL's test tables (NOTICE), drawn at
random, one a table, their meaningless names replaced by plausible ones. No model was trained on
those tables. The others are made up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from squill.ddl import parse_schema
from squill_trainer.learning.general import made_up_examples

if TYPE_CHECKING:
    from squill.schema import Schema

QUESTIONS = 200

_ASKED_BY_PEOPLE = 0.6
_GATE = 1_000  # the gate's are the first of the same stream, far fewer than these
_FILE = Path(__file__).parent / "learning" / "canary.jsonl"


@dataclass(frozen=True, slots=True)
class General:
    """A question with its own tables."""

    schema: Schema
    question: str
    sql: str


def canary(count: int = QUESTIONS) -> list[General]:
    """The same ones each time, no two alike, none that the gate may have asked."""
    asked = real_questions()[: round(_ASKED_BY_PEOPLE * count)]
    return asked + _made_up(count - len(asked))


def real_questions() -> list[General]:
    """Those of the file."""
    rows = map(json.loads, _FILE.read_text(encoding="utf-8").splitlines())
    return [
        General(parse_schema(row["schema"], "sqlite").schema, row["question"], row["sql"])
        for row in rows
    ]


def _made_up(count: int) -> list[General]:
    stream = made_up_examples(_GATE + 5 * count)
    seen = {example.question.casefold() for example in stream[:_GATE]}
    found: list[General] = []
    for example in stream[_GATE:]:
        if len(found) < count and example.question.casefold() not in seen:
            seen.add(example.question.casefold())
            found.append(General(example.schema, example.question, example.sql))
    return found
