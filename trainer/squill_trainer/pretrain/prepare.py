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
from squill_trainer.pretrain.augmentation import AugmentationOptions, DrawnPrompt, draw_prompt
from squill_trainer.pretrain.corpus import Pair, Values, read_pairs
from squill_trainer.pretrain.shards import TokenSequence, save_shard
from squill_trainer.pretrain.synthesis import entity_pairs, synthetic_pairs
from squill_trainer.pretrain.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

TRAINING_FILES = ("wikisql", "spider", "spider_syn", "bird")
DEVELOPMENT_FILES = ("wikisql", "spider")
AS_SERVED = AugmentationOptions(
    0.0, 0.0, 0.0, 0.0, keep_names=1.0, column_limit=10_000, fewest_met=0
)


@dataclass(frozen=True, slots=True)
class Mix:
    """How often an epoch shows each source, as a multiple of its pairs; synthetic pairs as such."""

    wikisql: float = 1.0
    spider: float = 0.7
    spider_syn: float = 0.4
    bird: float = 0.15
    synthetic: int = 7_000
    entities: int = 14_000
    share: float = 1.0
    """Of all of these, for a short run that tunes a trained model."""
    longest: int = 400
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
    augmentation: AugmentationOptions | None = None,
) -> None:
    """Writes ``tokenizer.json``, ``epoch-N.npz``, ``development.npz`` and ``prepared.json``.

    ``known`` is the tokenizer of a model that is to be tuned; without it one is trained.
    """
    changes = augmentation or AugmentationOptions()
    out.mkdir(parents=True, exist_ok=True)
    corpus = Corpus.read(data)
    rng = random.Random(seed)
    drawn = list(draw(corpus.epoch(mix, rng), corpus, rng, changes))
    if known is None:
        tokenizer = train_tokenizer((d.prompt + d.target for d in drawn), vocabulary_size)
    else:
        tokenizer = Tokenizer.from_file(str(known))
    tokenizer.save(str(out / "tokenizer.json"))
    for name in DEVELOPMENT_FILES:
        shard = draw_development(data / f"{name}.dev.jsonl.gz", rng)
        _write(out / f"development-{name}.npz", shard, tokenizer, 4 * mix.longest)
    counts = []
    for epoch in range(epochs):
        if epoch:
            drawn = list(draw(corpus.epoch(mix, rng), corpus, rng, changes))
        counts.append(_write(out / f"epoch-{epoch}.npz", drawn, tokenizer, mix.longest))
        print(f"epoch {epoch}: {counts[-1]}", flush=True)
    report = {"epochs": counts, "rejected": corpus.rejected, "seed": seed}
    (out / "prepared.json").write_text(json.dumps(report, indent=1), encoding="utf-8")


def draw(
    pairs: Sequence[Pair], corpus: Corpus, rng: random.Random, options: AugmentationOptions
) -> Iterator[DrawnPrompt]:
    """The prompts of ``pairs``, less those that need more slots than there are."""
    for pair in pairs:
        drawn = draw_prompt(pair, corpus.pairs["wikisql"], rng, options)
        if drawn is not None:
            yield drawn


def draw_development(path: Path, rng: random.Random) -> list[DrawnPrompt]:
    """Unseen questions as they are served, for figures while training."""
    pairs = list(read_pairs(path))
    drawn = (draw_prompt(pair, pairs, rng, AS_SERVED) for pair in rng.sample(pairs, 300))
    return [prompt for prompt in drawn if prompt is not None]


def _write(
    path: Path, drawn: Sequence[DrawnPrompt], tokenizer: Tokenizer, longest: int
) -> dict[str, int]:
    texts = [d.prompt + d.target + END for d in drawn]
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    sequences = [
        _sequence(np.array(encoding.ids), prompt, tokenizer)
        for encoding, prompt in zip(encodings, drawn, strict=True)
        if len(encoding.ids) <= longest
    ]
    save_shard(path, sequences)
    return {"sequences": len(sequences), "tokens": sum(len(s.tokens) for s in sequences)}


def _sequence(tokens: np.ndarray, drawn: DrawnPrompt, tokenizer: Tokenizer) -> TokenSequence:
    echo = int(np.flatnonzero(tokens == tokenizer.token_to_id(QUESTION))[1]) + 1
    names = echo + len(drawn.labels.words)
    answer = int(np.flatnonzero(tokens == tokenizer.token_to_id(ANSWER))[0]) + 1
    marks = np.zeros_like(tokens)
    marks[echo:names] = [tokenizer.token_to_id(w or QUESTION) for w in drawn.labels.words]
    marks[names : answer - 1] = drawn.labels.masks
    return TokenSequence(tokens, marks, echo, names, answer)
