"""Synthetic questions over the schemas of the data, for SQL and wordings that the data lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.errors import SchemaError
from squill_trainer.pretrain.augmentation import named
from squill_trainer.pretrain.corpus import Pair, make_pair
from squill_trainer.pretrain.synthesis import single_table, two_tables
from squill_trainer.pretrain.synthesis.drawing import Drawer, Question
from squill_trainer.pretrain.synthesis.entities import draw_entity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from squill.schema import Schema
    from squill_trainer.pretrain.corpus import Values


def _draw(schema: Schema, values: Values, rng: Random) -> Question | None:
    joined = two_tables.joins(schema, values, rng)
    if joined and rng.random() < 0.6:
        return rng.choice(two_tables.MAKERS)(rng.choice(joined))
    tables = [t for t in schema.tables if t.columns]
    return (
        rng.choice(single_table.MAKERS)(Drawer(rng.choice(tables), values, rng)) if tables else None
    )


def entity_pairs(values: Values, rng: Random) -> Iterator[Pair]:
    """Endless pairs over made-up tables (see `squill_trainer.pretrain.synthesis.entities`)."""
    while True:
        schema, question = draw_entity(values, rng)
        yield make_pair(schema, question.text, question.sql, "entities")


def synthetic_pairs(schemas: Sequence[Schema], values: Values, rng: Random) -> Iterator[Pair]:
    """Endless pairs over ``schemas``, with texts of ``values`` as values."""
    while True:
        schema = named(rng.choice(schemas), rng)
        question = _draw(schema, values, rng)
        if question is None:
            continue
        text = question.text if rng.random() < 0.7 else question.text.lower()
        try:
            yield make_pair(schema, text, question.sql, "synthetic")
        except SchemaError:
            continue
