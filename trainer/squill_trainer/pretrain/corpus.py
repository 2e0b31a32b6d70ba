"""Reads question/SQL pairs and writes them in slots, once: augmentation is mere renumbering."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from squill.ddl import parse_schema
from squill.errors import SchemaError
from squill.prompt.slots.numbering import Numbering
from squill.prompt.slots.target import to_target
from squill.prompt.words import identifier_words

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from random import Random

    from squill.schema import Column, Schema

UNUSABLE_VERDICTS = frozenset({"INCORRECT", "UNANSWERABLE"})
_CONDITION = re.compile(r"<c(\d+)> = '<w(\d+)><w(\d+)>'")


@dataclass(frozen=True, slots=True)
class Pair:
    """A question on a schema; ``target`` is numbered over the whole schema from 1."""

    schema: Schema
    question: str
    target: str
    source: str


@lru_cache(maxsize=1024)
def _schema(text: str) -> Schema:
    return parse_schema(text, "sqlite").schema


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file, gzipped or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def read_pairs(path: Path, rejected: Counter[str] | None = None) -> Iterator[Pair]:
    """The usable pairs of one data file; ``rejected`` counts the others by reason."""
    source = path.name.split(".")[0]
    for row in read_rows(path):
        try:
            yield make_pair(_schema(row["schema"]), _question(row), row["sql"], source)
        except SchemaError as error:
            if rejected is not None:
                rejected[str(error).split("'")[0]] += 1


def _question(row: dict[str, Any]) -> str:
    if row.get("llm_verdict") in UNUSABLE_VERDICTS:
        raise SchemaError("Judged wrong by the data's reviewers.")
    evidence = row.get("evidence") or ""
    return f"{row['question'].strip()} {evidence.strip()}".strip()


def make_pair(schema: Schema, question: str, sql: str, source: str) -> Pair:
    """Raises SchemaError where the statement cannot be written in slots."""
    target = to_target(sql, Numbering(schema, question), read="sqlite", write="sqlite")
    return Pair(schema, question, target, source)


class Values:
    """Texts that questions name as values, by the last word of the column that they stood for."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        found: dict[str, dict[str, None]] = {}
        for pair in pairs:
            for column, text in _named_values(pair):
                words = identifier_words(column.name)
                found.setdefault(words[-1] if words else "", {})[text] = None
        self._by_word = {word: list(texts) for word, texts in found.items()}
        self._all = [text for texts in self._by_word.values() for text in texts]

    def draw(self, column: Column, rng: Random) -> str:
        """A value of a column of that kind where one is known, else any; sometimes any at all."""
        words = identifier_words(column.name)
        own = self._by_word.get(words[-1] if words else "")
        return rng.choice(own if own and rng.random() < 0.85 else self._all)


def _named_values(pair: Pair) -> Iterator[tuple[Column, str]]:
    numbering = Numbering(pair.schema, pair.question)
    for column, first, last in _CONDITION.findall(pair.target):
        found, text = numbering.column(int(column)), numbering.span(int(first), int(last))
        if found and text:
            yield found[1], text
