"""What each step of a training reads: the user's pairs, questions composed of them, and a replay.

A step's content depends on the seed and the step's number alone, so a training that was killed goes
on as if it had not been.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from squill.errors import SchemaError
from squill.prompt.pruning import fits
from squill.prompt.slots.vocabulary import MAX_COLUMNS, MAX_TABLES, MAX_WORDS
from squill.prompt.words import question_words
from squill_trainer.learning.batches import groups
from squill_trainer.learning.composition import families, speaks_of
from squill_trainer.learning.examples import Arrangement, Example
from squill_trainer.learning.general import real_examples, replayed_examples
from squill_trainer.learning.terms import house_terms
from squill_trainer.learning.transplants import Transplants

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from squill.schema import Schema
    from squill_trainer.learning.batches import Group
    from squill_trainer.learning.examples import Encoder, TokenSequence
    from squill_trainer.learning.terms import Term

_REPLAY_POOL = 1200
_CONTRASTED = 50
"""Of each kind of text: enough to tell their directions apart."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """How many examples of each kind a step reads, and how often it arranges the schema anew."""

    own: int = 3
    transplanted: int = 4
    composed: int = 5
    replayed: int = 3
    real: int = 2
    rearranged: float = 0.3
    longest: int = 1024
    """Longer prompts are left out, in tokens."""
    most_tokens: int = 4096
    """In one group: what bounds the memory of a step."""


class Curriculum:
    """Steps over ``examples``, which must not be empty."""

    def __init__(
        self, examples: Sequence[Example], encoder: Encoder, mixture: Mixture, seed: int
    ) -> None:
        self._encoder = encoder
        self._mixture = mixture
        self._seed = seed
        self._by_schema = _by_schema(examples)
        replayed = _by_schema(replayed_examples(_REPLAY_POOL)).values()
        self._on_one_schema = [own for own in replayed if len(own) > 1]
        self._singles = [own[0] for own in replayed if len(own) == 1]
        self.terms: dict[Schema, tuple[Term, ...]] = {
            schema: house_terms(own) for schema, own in self._by_schema.items()
        }
        self._transplants = {
            schema: Transplants(own, self.terms[schema]) for schema, own in self._by_schema.items()
        }

    def contrast(self) -> tuple[list[Group], list[Group]]:
        """Texts that are to be learned, and texts of all kinds beside them.

        Those on one schema are all arranged as it is served: they are to differ in their words.
        """
        rng = Random(f"{self._seed}:contrast")  # noqa: S311 (draws examples)
        new, general = [], []
        for schema, own in self._by_schema.items():
            terms, share = self.terms[schema], 1 / len(self._by_schema)
            made = list(islice(families(schema, terms, rng), round(3 * _CONTRASTED * share)))
            told = [example for example in made if speaks_of(terms, example)]
            plain = [example for example in made if not speaks_of(terms, example)]
            new += self._groups(self._encoded([*own, *told[: len(plain)]], None))
            general += self._groups(self._encoded(plain, None))
        others = [
            one
            for pool in (real_examples(), replayed_examples(_REPLAY_POOL))
            for one in rng.sample(pool, min(_CONTRASTED, len(pool)))
        ]
        general += self._groups([s for one in others for s in self._sequences([one], rng)])
        return new, general

    def batches(self, first_step: int, steps: int) -> Iterator[list[Group]]:
        """Those of the steps from ``first_step`` (counted from 0) to ``steps``."""
        for step in range(first_step, steps):
            yield self._batch(Random(f"{self._seed}:{step}"))  # noqa: S311 (draws examples)

    def _batch(self, rng: Random) -> list[Group]:
        schemas, weights = zip(*((s, len(own)) for s, own in self._by_schema.items()), strict=True)
        schema = rng.choices(schemas, weights)[0]
        own = self._by_schema[schema]
        chosen = rng.sample(own, min(self._mixture.own, len(own)))
        chosen += self._recombined(schema, self._mixture.transplanted, rng)
        composed = families(schema, self.terms[schema], rng)
        chosen += islice(composed, self._mixture.composed)
        general = rng.choice(self._on_one_schema)
        replayed = rng.sample(general, min(self._mixture.replayed, len(general)))
        singles = [rng.choice(self._singles), *rng.sample(real_examples(), self._mixture.real)]
        return [
            *self._groups(self._sequences(chosen, rng)),
            *self._groups(self._sequences(replayed, rng), rehearsed=True),
            *self._groups(
                [s for single in singles for s in self._sequences([single], rng)], rehearsed=True
            ),
        ]

    def _recombined(self, schema: Schema, count: int, rng: Random) -> list[Example]:
        drawn = (self._transplants[schema].draw(rng) for _ in range(count))
        return [example for example in drawn if example]

    def _groups(
        self, sequences: Sequence[TokenSequence], *, rehearsed: bool = False
    ) -> list[Group]:
        limits = self._mixture
        return groups(
            sequences,
            longest=limits.longest,
            most_tokens=limits.most_tokens,
            rehearsed=rehearsed,
        )

    def _sequences(self, examples: Sequence[Example], rng: Random) -> list[TokenSequence]:
        """Of examples on one schema, all in one arrangement of it."""
        if not examples:
            return []
        return self._encoded(examples, self._arranged(examples[0].schema, rng))

    def _encoded(
        self, examples: Sequence[Example], place: Arrangement | None
    ) -> list[TokenSequence]:
        return [s for e in examples if (s := self._sequence(e, place)) is not None]

    def _sequence(self, example: Example, place: Arrangement | None) -> TokenSequence | None:
        try:
            if place is None:
                return self._encoder.encode(example)
            return self._encoder.encode_arranged(example, place)
        except SchemaError:
            return None

    def _arranged(self, schema: Schema, rng: Random) -> Arrangement | None:
        """Another arrangement of the whole schema, or None: as it is served."""
        whole = fits(schema, max_tables=MAX_TABLES, max_columns=MAX_COLUMNS)
        if not self._encoder.is_numbered or not whole:
            return None
        if rng.random() >= self._mixture.rearranged:
            return None
        return arrange(schema, rng)


def arrange(schema: Schema, rng: Random) -> Arrangement:
    """Tables and columns in another order, and now and then numbered from elsewhere."""
    tables = list(schema.tables)
    rng.shuffle(tables)
    if rng.random() < 0.5:
        tables = [replace(t, columns=tuple(rng.sample(t.columns, len(t.columns)))) for t in tables]
    place = Arrangement(replace(schema, tables=tuple(tables)))
    if rng.random() >= 0.2:
        return place
    columns = sum(len(table.columns) for table in tables)
    return replace(
        place,
        first_table=rng.randint(1, MAX_TABLES + 1 - len(tables)),
        first_column=rng.randint(1, MAX_COLUMNS + 1 - columns),
        first_word=rng.randint(1, MAX_WORDS // 2),
    )


def _by_schema(examples: Sequence[Example]) -> dict[Schema, list[Example]]:
    found: dict[Schema, list[Example]] = {}
    for example in examples:
        if len(question_words(example.question)) <= MAX_WORDS // 2:
            found.setdefault(example.schema, []).append(example)
    return found
