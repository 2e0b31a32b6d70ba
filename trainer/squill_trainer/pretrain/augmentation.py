"""Draws one training prompt from a pair: a part of its schema, shuffled, renamed, renumbered."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from squill.prompt.slots.format import render
from squill.prompt.slots.numbering import Numbering
from squill.prompt.slots.vocabulary import (
    MAX_COLUMNS,
    MAX_TABLES,
    MAX_WORDS,
    column_token,
    table_token,
    word_token,
)
from squill.prompt.words import identifier_words
from squill_trainer.pretrain.association import FEWEST_IN_TRAINING
from squill_trainer.pretrain.roles import slot_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from squill.schema import Column, Schema, Table
    from squill_trainer.pretrain.corpus import Pair
    from squill_trainer.pretrain.roles import SlotLabels

_SLOT = re.compile(r"<([tcw])(\d+)>")
_MEANINGLESS = re.compile(r"^table_[\d_]+$")
_TABLE_NAMES = (
    *("records", "data", "entries", "items", "results", "listings", "info", "details", "log"),
    *("people", "events", "games", "teams", "players", "members", "shows", "places", "stations"),
)


@dataclass(frozen=True, slots=True)
class AugmentationOptions:
    """How often each change is made, and how much schema a prompt may show."""

    shuffle_columns: float = 0.3
    shuffle_tables: float = 0.5
    drop_tables: float = 0.6
    distractor_tables: float = 0.1
    keep_names: float = 0.15
    """Of tables whose names say nothing."""
    column_limit: int = 60
    fewest_met: int = FEWEST_IN_TRAINING
    """Schemas, see `squill.prompt.slots.linking.word_links`."""


@dataclass(frozen=True, slots=True)
class DrawnPrompt:
    prompt: str
    target: str
    labels: SlotLabels
    numbering: Numbering


def draw_prompt(
    pair: Pair, others: Sequence[Pair], rng: Random, options: AugmentationOptions
) -> DrawnPrompt | None:
    """The prompt of a pair, or None where the pair needs more slots than the options allow."""
    schema = _with_distractors(_part(pair, rng, options), pair, others, rng, options)
    named_schema = schema if rng.random() < options.keep_names else named(schema, rng)
    schema = _shuffled(named_schema, rng, options)
    words = Numbering(schema, pair.question).words
    columns = sum(len(t.columns) for t in schema.tables)
    if columns > MAX_COLUMNS or len(schema.tables) > MAX_TABLES or len(words) == MAX_WORDS:
        return None
    numbering = Numbering(
        schema,
        pair.question,
        first_table=_first(len(schema.tables), MAX_TABLES, rng),
        first_column=_first(columns, MAX_COLUMNS, rng),
        first_word=_first(len(words), MAX_WORDS, rng),
    )
    target = _renumber(pair, numbering)
    prompt = render(numbering, fewest=options.fewest_met)
    return DrawnPrompt(prompt, target, slot_labels(target, numbering), numbering)


def _first(used: int, limit: int, rng: Random) -> int:
    """1, which serving uses, most of the time; otherwise any number that fits.

    Copying is learned on the few low numbers first; the others must be met to be learned at all.
    """
    return 1 if rng.random() < 0.85 else rng.randint(1, limit + 1 - used)


def _used(pair: Pair) -> tuple[set[int], set[int]]:
    numbers: dict[str, set[int]] = {"t": set(), "c": set(), "w": set()}
    for kind, number in _SLOT.findall(pair.target):
        numbers[kind].add(int(number))
    return numbers["t"], numbers["c"]


def _part(pair: Pair, rng: Random, options: AugmentationOptions) -> Schema:
    """The pair's schema without some of the tables and columns that its answer does not need."""
    tables, columns = _used(pair)
    whole = sum(len(t.columns) for t in pair.schema.tables)
    drop = rng.random() < options.drop_tables or whole > options.column_limit
    room = options.column_limit - len(columns)
    kept = []
    first = 1
    for index, table in enumerate(pair.schema.tables, start=1):
        numbers = range(first, first + len(table.columns))
        first += len(table.columns)
        needed = [n for n in numbers if n in columns]
        if index not in tables and not needed and drop and rng.random() < 0.6:
            continue
        shown = needed or list(numbers[:1]) if index in tables else needed
        part = _columns(table, numbers, set(shown), room)
        room -= len(part.columns) - len(needed)
        if part.columns or index in tables:
            kept.append(part)
    return replace(pair.schema, tables=tuple(kept))


def _columns(table: Table, numbers: range, needed: set[int], room: int) -> Table:
    spare = max(0, room)
    kept: list[Column] = []
    for number, column in zip(numbers, table.columns, strict=True):
        if number in needed:
            kept.append(column)
        elif spare > 0:
            kept.append(column)
            spare -= 1
    return replace(table, columns=tuple(kept))


def _with_distractors(
    schema: Schema, pair: Pair, others: Sequence[Pair], rng: Random, options: AugmentationOptions
) -> Schema:
    """Single-table schemas get tables of other questions beside their own."""
    if len(pair.schema.tables) > 1 or rng.random() >= options.distractor_tables:
        return schema
    tables = list(schema.tables)
    for _ in range(rng.randint(1, 3)):
        other = rng.choice(others).schema
        if len(other.tables) == 1 and all(other.tables[0] != t for t in tables):
            tables.insert(rng.randint(0, len(tables)), other.tables[0])
    return replace(schema, tables=tuple(tables))


def named(schema: Schema, rng: Random) -> Schema:
    """Tables whose names say nothing get one that could be."""
    if not any(_MEANINGLESS.match(t.name) for t in schema.tables):
        return schema
    taken = {t.name for t in schema.tables}
    tables = []
    for table in schema.tables:
        name = table.name
        if _MEANINGLESS.match(name):
            name = _plausible_name(table, rng)
            while name in taken:
                name = f"{rng.choice(_TABLE_NAMES)}_{name}"
            taken.add(name)
        tables.append(replace(table, name=name))
    return replace(schema, tables=tuple(tables))


def _plausible_name(table: Table, rng: Random) -> str:
    words = identifier_words(rng.choice(table.columns).name) if table.columns else []
    if rng.random() < 0.5 and words and words[-1].isalpha() and len(words[-1]) > 2:
        return words[-1] + ("" if words[-1].endswith("s") else "s")
    return rng.choice(_TABLE_NAMES)


def _shuffled(schema: Schema, rng: Random, options: AugmentationOptions) -> Schema:
    tables = list(schema.tables)
    if rng.random() < options.shuffle_tables:
        rng.shuffle(tables)
    if rng.random() < options.shuffle_columns:
        tables = [replace(t, columns=tuple(rng.sample(t.columns, len(t.columns)))) for t in tables]
    return replace(schema, tables=tuple(tables))


def _renumber(pair: Pair, numbering: Numbering) -> str:
    """The pair's target under ``numbering``; its tables may be renamed, its columns are objects."""
    tables = {id(t.columns[0]): i for i, t in enumerate(numbering.schema.tables) if t.columns}
    columns = {id(c): i for i, (_, c) in enumerate(numbering.columns)}
    flat = [c for t in pair.schema.tables for c in t.columns]

    def token(match: re.Match[str]) -> str:
        kind, old = match[1], int(match[2])
        if kind == "w":
            return word_token(numbering.first_word + old - 1)
        if kind == "c":
            return column_token(numbering.first_column + columns[id(flat[old - 1])])
        own = {id(c) for c in pair.schema.tables[old - 1].columns}
        index = next(i for first, i in tables.items() if first in own)
        return table_token(numbering.first_table + index)

    return _SLOT.sub(token, pair.target)
