"""The businesses of the learning benchmark: tables, house words, pairs to learn from, questions.

One folder each in `benchmarks/learning`: ``schema.sql``, ``rows.json`` (see `learning_rows`),
``pairs.jsonl`` (in the order in which they are learned), ``unseen.jsonl``, ``plain.jsonl``
(questions without house words), ``jargon.md``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from squill.ddl import parse_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill.schema import Schema

FOLDER = Path(__file__).parent / "learning"
DIALECT = "sqlite"

_TERM = re.compile(
    r"^\| (?P<word>[^|`]+) \| (?P<table>\w+) \| `(?P<condition>[^`]+)` \|$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Case:
    """A question and the query that answers it."""

    question: str
    sql: str


@dataclass(frozen=True, slots=True)
class Term:
    """A house word: said of rows of ``table``, it means ``condition`` (joined by AND)."""

    word: str
    table: str
    condition: str


@dataclass(frozen=True)
class Business:
    """One schema with what is learned about it and what is asked afterwards."""

    name: str
    ddl: str
    schema: Schema
    terms: tuple[Term, ...]
    pairs: tuple[Case, ...]
    unseen: tuple[Case, ...]
    plain: tuple[Case, ...]

    @property
    def folder(self) -> Path:
        return FOLDER / self.name


def names() -> list[str]:
    """Of all businesses, in alphabetical order."""
    return sorted(path.parent.name for path in FOLDER.glob("*/schema.sql"))


def read_business(name: str) -> Business:
    """
    Raises:
        OSError: there is none of that name.
    """
    folder = FOLDER / name
    ddl = (folder / "schema.sql").read_text(encoding="utf-8")
    jargon = (folder / "jargon.md").read_text(encoding="utf-8")
    return Business(
        name=name,
        ddl=ddl,
        schema=parse_schema(ddl, DIALECT).schema,
        terms=tuple(Term(**found.groupdict()) for found in _TERM.finditer(jargon)),
        pairs=_cases(folder / "pairs.jsonl"),
        unseen=_cases(folder / "unseen.jsonl"),
        plain=_cases(folder / "plain.jsonl"),
    )


def read_businesses(chosen: Sequence[str] = ()) -> list[Business]:
    """Those named, all where none is."""
    return [read_business(name) for name in chosen or names()]


def _cases(path: Path) -> tuple[Case, ...]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(Case(row["question"], row["sql"]) for row in map(json.loads, lines))
