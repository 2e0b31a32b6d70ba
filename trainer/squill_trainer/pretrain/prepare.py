"""Makes what training reads: a tokenizer and one shard of drawn prompts for each epoch."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from squill.prompt.slots.vocabulary import ANSWER, END, QUESTION
from squill_trainer.pretrain.augmentation import AugmentationOptions, draw_prompt
from squill_trainer.pretrain.corpus import Pair, Values, read_pairs
from squill_trainer.pretrain.shards import TokenSequence, save_shard
from squill_trainer.pretrain.synthesis import entity_pairs, synthetic_pairs
from squill_trainer.pretrain.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

TRAINING_FILES = ("wikisql", "spider", "spider_syn", "bird")
DEVELOPMENT_FILES = ("wikisql", "spider")


@dataclass(frozen=True, slots=True)
class Mix:
    """How often an epoch shows each source, as a multiple of its pairs; synthetic pairs as such."""

    wikisql: float = 1.0
    spider: float = 1.5
    spider_syn: float = 1.0
    bird: float = 0.5
    synthetic: int = 18_000
    entities: int = 9_000
    share: float = 1.0
    """Of all of these, for a short run that tunes a trained model."""
    longest: int = 320
    """Prompts over this many tokens are left out."""


@dataclass
class Corpus:
    """All pairs in memory, by source."""

    pairs: dict[str, list[Pair]]
    rejected: dict[str, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Corpus:
        pairs, rejected = {}, {}
        for name in TRAINING_FILES:
            reasons: Counter[str] = Counter()
            pairs[name] = list(read_pairs(folder / f"{name}.train.jsonl.gz", reasons))
            rejected[name] = dict(reasons)
        return cls(pairs, rejected)

    def epoch(self, mix: Mix, rng: random.Random) -> list[Pair]:
        drawn = []
        for name, pairs in self.pairs.items():
            times = getattr(mix, name) * mix.share
            drawn += pairs * int(times)
            drawn += rng.sample(pairs, int(len(pairs) * (times % 1)))
        single = rng.sample(self.pairs["wikisql"], min(4000, len(self.pairs["wikisql"])))
        schemas = [pair.schema for pair in [*self._multi_table(), *single]]
        values = Values([*self.pairs["wikisql"], *self.pairs["spider"]])
        synthetic = synthetic_pairs(schemas, values, rng)
        drawn += [next(synthetic) for _ in range(int(mix.synthetic * mix.share))]
        entities = entity_pairs(values, rng)
        drawn += [next(entities) for _ in range(mix.entities)]
        rng.shuffle(drawn)
        return drawn

    def _multi_table(self) -> list[Pair]:
        """One pair a database of the sources that have several tables, a few times each."""
        first = {p.schema: p for name in ("spider", "bird") for p in self.pairs[name]}
        return list(first.values()) * 12


def prepare(
    data: Path,
    out: Path,
    *,
    epochs: int,
    vocabulary_size: int,
    mix: Mix,
    seed: int,
    known: Path | None = None,
) -> None:
    """Writes ``tokenizer.json``, ``epoch-N.npz``, ``development.npz`` and ``prepared.json``.

    ``known`` is the tokenizer of a model that is to be tuned; without it one is trained.
    """
    out.mkdir(parents=True, exist_ok=True)
    corpus = Corpus.read(data)
    rng = random.Random(seed)
    drawn = list(_draw(corpus.epoch(mix, rng), corpus, rng))
    if known is None:
        tokenizer = train_tokenizer((p + t for p, t in drawn), vocabulary_size)
    else:
        tokenizer = Tokenizer.from_file(str(known))
    tokenizer.save(str(out / "tokenizer.json"))
    counts = []
    for epoch in range(epochs):
        if epoch:
            drawn = list(_draw(corpus.epoch(mix, rng), corpus, rng))
        counts.append(_write(out / f"epoch-{epoch}.npz", drawn, tokenizer, mix.longest))
        print(f"epoch {epoch}: {counts[-1]}", flush=True)
    _write(out / "development.npz", _development(data, rng), tokenizer, 4 * mix.longest)
    report = {"epochs": counts, "rejected": corpus.rejected, "seed": seed}
    (out / "prepared.json").write_text(json.dumps(report, indent=1), encoding="utf-8")


def _draw(pairs: Sequence[Pair], corpus: Corpus, rng: random.Random) -> Iterator[tuple[str, str]]:
    options = AugmentationOptions()
    for pair in pairs:
        drawn = draw_prompt(pair, corpus.pairs["wikisql"], rng, options)
        if drawn is not None:
            yield drawn


def _development(data: Path, rng: random.Random) -> list[tuple[str, str]]:
    """Unseen questions as they are served, for the loss while training."""
    still = AugmentationOptions(0.0, 0.0, 0.0, 0.0, column_limit=10_000)
    drawn = []
    for name in DEVELOPMENT_FILES:
        pairs = list(read_pairs(data / f"{name}.dev.jsonl.gz"))
        for pair in rng.sample(pairs, 300):
            prompt = draw_prompt(pair, pairs, rng, still)
            if prompt is not None:
                drawn.append(prompt)
    return drawn


def _write(
    path: Path, drawn: Sequence[tuple[str, str]], tokenizer: Tokenizer, longest: int
) -> dict[str, int]:
    encodings = tokenizer.encode_batch([p + t + END for p, t in drawn], add_special_tokens=False)
    marks = tokenizer.encode(QUESTION + ANSWER, add_special_tokens=False).ids
    sequences = [_sequence(np.array(e.ids), marks) for e in encodings if len(e.ids) <= longest]
    save_shard(path, sequences)
    return {"sequences": len(sequences), "tokens": sum(len(s.tokens) for s in sequences)}


def _sequence(tokens: np.ndarray, marks: list[int]) -> TokenSequence:
    question, answer = (int(np.flatnonzero(tokens == mark)[0]) + 1 for mark in marks)
    return TokenSequence(tokens, question, answer)
