"""Training data as rows of a schema's questions, and the sequences that one pass over it reads."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from squill.ddl import parse_schema
from squill.errors import SchemaError
from squill.prompt.lines.format import NO_REQUEST, UNANSWERABLE, VAGUE
from squill.prompt.lines.rendering import Request, render_request, render_schema
from squill.prompt.lines.target import to_target
from squill_trainer.pretraining.restyling import restyled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from squill.schema import Schema

HELD_OUT = 20
"""Schemas of desk.train that aren't trained on: what confidence is calibrated with."""

_NOISY = ("INCORRECT", "UNANSWERABLE")
_RARE = (" OVER (", " OVER(", "WITH ", " UNION ", " INTERSECT ", " EXCEPT ")
_DECLINED = {"unanswerable": UNANSWERABLE, "vague": VAGUE}
"""By the kind of text; the kinds that aren't named here are comments that ask for nothing."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One text and its answer. ``sql`` is empty for a text that gets no query."""

    text: str
    sql: str
    known: tuple[str, ...] = ()
    declined: str = ""


@dataclass(slots=True)
class Database:
    """One schema with its queries, each in one or more wordings."""

    schema: Schema
    queries: list[list[Wording]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Source:
    """A file of pairs and the share of its queries that one pass reads."""

    path: Path
    share: float = 1.0
    declined: bool = False
    """Whether it holds texts that get no query."""


def read(source: Source) -> list[Database]:
    """Databases of a file, in the order of the file, without rows that are marked as noisy."""
    databases: dict[str, Database] = {}
    queries: dict[tuple[str, str], list[Wording]] = defaultdict(list)
    for row in _rows(source.path):
        if row.get("llm_verdict") in _NOISY or _is_held_out(row["db_id"], source.path):
            continue
        schema = row["schema"]
        if schema not in databases:
            databases[schema] = Database(parse_schema(schema, "sqlite").schema)
        if source.declined:
            wording = Wording(row["text"], "", declined=_DECLINED.get(row["kind"], NO_REQUEST))
            databases[schema].queries.append([wording])
            continue
        known = (row["evidence"],) if row.get("evidence") else ()
        key = (schema, row["sql"])
        if key not in queries:
            databases[schema].queries.append(queries[key])
        queries[key].append(Wording(row["question"], row["sql"], known))
    return list(databases.values())


def held_out(path: Path) -> frozenset[str]:
    """The databases of a file of desk pairs that aren't trained on: the first by their digest."""
    names = {row["db_id"] for row in _rows(path)}
    return frozenset(sorted(names, key=lambda n: hashlib.sha256(n.encode()).digest())[:HELD_OUT])


_held_out: dict[Path, frozenset[str]] = {}


def _is_held_out(name: str, path: Path) -> bool:
    if not path.name.startswith("desk"):
        return False
    base = path.with_name("desk.train.jsonl.gz")
    if base not in _held_out:
        _held_out[base] = held_out(base)
    return name in _held_out[base]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    data = path.read_bytes()
    for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
        yield json.loads(line)


@dataclass(frozen=True, slots=True)
class Branch:
    """What follows the schema: the lines that ask, and the answer."""

    request: str
    answer: str


@dataclass(frozen=True, slots=True)
class PackedText:
    """A rendered schema and the questions that are read behind it."""

    schema: str
    branches: tuple[Branch, ...]


def one_pass(
    sources: Sequence[tuple[Source, list[Database]]], seed: int, *, most: int = 28
) -> Iterator[PackedText]:
    """The sequences of one pass in random order, with at most ``most`` questions each."""
    rng = random.Random(seed)
    groups: list[tuple[Schema, list[Wording]]] = []
    for source, databases in sources:
        for database in databases:
            groups += _groups(database, source.share, most, rng)
    merged = _merge(groups, most)
    rng.shuffle(merged)
    for schema, wordings in merged:
        sequence = _sequence(schema, wordings, rng)
        if sequence.branches:
            yield sequence


def _groups(
    database: Database, share: float, most: int, rng: random.Random
) -> Iterable[tuple[Schema, list[Wording]]]:
    chosen = [
        rng.choice(wordings)
        for wordings in database.queries
        if rng.random() < share * (0.4 if _is_rare(wordings[0].sql) else 1.0)
    ]
    rng.shuffle(chosen)
    count = -(-len(chosen) // most)
    for index in range(count):
        yield database.schema, chosen[index::count]


def _merge(
    groups: list[tuple[Schema, list[Wording]]], most: int
) -> list[tuple[Schema, list[Wording]]]:
    """Small groups of one schema (from several files) as one."""
    merged: list[tuple[Schema, list[Wording]]] = []
    open_: dict[Schema, int] = {}
    for schema, wordings in groups:
        at = open_.get(schema)
        if at is not None and len(merged[at][1]) + len(wordings) <= most + 4:
            merged[at][1].extend(wordings)
        else:
            open_[schema] = len(merged)
            merged.append((schema, list(wordings)))
    return merged


def _is_rare(sql: str) -> bool:
    return any(word in sql.upper() for word in _RARE)


def _sequence(schema: Schema, wordings: Sequence[Wording], rng: random.Random) -> PackedText:
    shown = _drawn_schema(schema, wordings, rng)
    written = restyled(shown, rng)
    branches = []
    for wording in wordings:
        if wording.declined:
            answer = wording.declined
        else:
            try:
                answer = to_target(wording.sql, shown, read=shown.dialect, spelled=written)
            except (SchemaError, RecursionError):
                continue
        text = wording.text.removeprefix("-- ").strip()
        request = render_request(Request(text, known=wording.known))
        branches.append(Branch(request, answer))
    return PackedText(render_schema(written), tuple(branches))


def _drawn_schema(schema: Schema, wordings: Sequence[Wording], rng: random.Random) -> Schema:
    """The schema with its tables in another order half of the time, and fewer now and then."""
    tables = list(schema.tables)
    if any(wording.declined for wording in wordings) or rng.random() < 0.6:
        kept = tables
    else:
        text = " ".join(wording.sql for wording in wordings).lower()
        kept = [t for t in tables if t.name.lower() in text or rng.random() < 0.5]
    if rng.random() < 0.5:
        rng.shuffle(kept)
    return replace(schema, tables=tuple(kept))
