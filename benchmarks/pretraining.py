"""What each part of the embedded model's recipe is worth, at equal tokens.

    python benchmarks/pretraining.py ../shared/data runs/ablations --json ablations.json

Trains a model from scratch for each variant, the recipe with one thing changed, on as many tokens
each, and judges all on the same unseen questions: the loss of a token of the answer, and the share
of column slots, and of whole answers, that are right where each token is predicted after the right
ones (no grammar, no resampling). A million tokens show how quickly a recipe learns, not where it
ends. Needs PyTorch. What is in the JSON file already is not trained again; several processes may
fill one with `--only`, once the first line has prepared its data.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tokenizers import Tokenizer

from figures import described, machine, markdown, save_json
from squill.errors import SquillError
from squill.paths import EMBEDDED_MODEL
from squill.prompt.plain import PlainFormat
from squill.prompt.slots.spelling import to_sql
from squill.prompt.slots.vocabulary import END
from squill_trainer.pretrain.augmentation import AugmentationOptions
from squill_trainer.pretrain.model import LlamaConfig
from squill_trainer.pretrain.prepare import (
    DEVELOPMENT_FILES,
    Corpus,
    Mix,
    draw,
    draw_development,
    prepare,
)
from squill_trainer.pretrain.shards import TokenSequence, save_shard
from squill_trainer.pretrain.tokenizer import train_tokenizer
from squill_trainer.pretrain.train import Trainer, TrainingOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from squill_trainer.pretrain.augmentation import DrawnPrompt

_VOCABULARY = 4096
_LONGEST = 400
_AS_THEY_ARE = AugmentationOptions(0.0, 0.0, 0.0, 0.0, keep_names=1.0)


@dataclass(frozen=True, slots=True)
class Variant:
    """``data`` names the folder that is trained on; variants of the same name share it."""

    name: str
    data: str = "recipe"
    mix: Mix = field(default_factory=Mix)
    augmentation: AugmentationOptions = field(default_factory=AugmentationOptions)
    training: dict[str, Any] = field(default_factory=dict)
    hidden: int = 256
    layers: int = 6
    spelled: bool = False


VARIANTS = (
    Variant("the recipe"),
    Variant("names and values spelled, as in `plain-1`", "spelled", spelled=True),
    Variant("AdamW for the matrices too", training={"muon": False}),
    Variant("no synthetic questions", "unsynthetic", mix=Mix(synthetic=0, entities=0)),
    Variant("schemas as they are", "unchanged", augmentation=_AS_THEY_ARE),
    Variant("hidden size 128, 4 layers", hidden=128, layers=4),
    Variant("WikiSQL alone", "wikisql", mix=Mix(1.0, 0.0, 0.0, 0.0, synthetic=0, entities=0)),
    Variant("hidden size 384", hidden=384),
    Variant(
        "no labels for the slots behind the question",
        training={"word_weight": 0.0, "role_weight": 0.0},
    ),
    Variant("prompts of all lengths from the beginning", training={"short_first": False}),
)


def main() -> int:
    options = _options()
    torch.set_num_threads(options.threads)
    names = ("tokens", "batch_tokens", "questions")
    about = {name: getattr(options, name) for name in names}
    done = _read(options.json, about)
    for variant in _chosen(options.only):
        if variant.name not in done:
            figures = _measured(variant, options)
            done |= _read(options.json, about) | {variant.name: figures}
            if options.json:
                save_json(options.json, about | {"variants": done})
    print(
        _table({variant.name: done[variant.name] for variant in VARIANTS if variant.name in done})
    )
    facts = machine() | {name.replace("_", " "): f"{value:,}" for name, value in about.items()}
    print("\n" + described(facts | {"PyTorch": torch.__version__}))
    return 0


def _chosen(only: str) -> Sequence[Variant]:
    numbers = [int(number) for number in only.split(",")] if only else range(1, len(VARIANTS) + 1)
    return [VARIANTS[number - 1] for number in numbers]


def _read(path: Path | None, about: dict[str, Any]) -> dict[str, dict[str, float]]:
    if path is None or not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    same = all(kept.get(name) == value for name, value in about.items())
    return dict(kept["variants"]) if same else {}


def _measured(variant: Variant, options: argparse.Namespace) -> dict[str, float]:
    prepared = options.folder / "data" / variant.data
    if not (prepared / "prepared.json").exists():
        _prepare(variant, options, prepared)
    size = Tokenizer.from_file(str(prepared / "tokenizer.json")).get_vocab_size()
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=variant.hidden,
        intermediate_size=variant.hidden * 11 // 4,
        num_hidden_layers=variant.layers,
        num_attention_heads=variant.hidden // 64,
    )
    training = TrainingOptions(
        token_budget=options.tokens,
        batch_tokens=options.batch_tokens,
        judged=options.questions,
        judged_every=10**6,
    )
    run = options.folder / "runs" / _file_name(variant.name)
    trainer = Trainer(prepared, run, config, replace(training, **variant.training))
    trainer.train()
    return trainer.evaluate()


def _prepare(variant: Variant, options: argparse.Namespace, prepared: Path) -> None:
    """One epoch of about as many tokens as are trained on, so that it holds all lengths."""
    mix = replace(
        variant.mix, share=options.share, entities=int(variant.mix.entities * options.share)
    )
    if variant.spelled:
        _prepare_spelled(options.data, prepared, mix)
        return
    prepare(
        options.data,
        prepared,
        epochs=1,
        vocabulary_size=_VOCABULARY,
        mix=mix,
        seed=0,
        known=EMBEDDED_MODEL / "tokenizer.json",
        augmentation=variant.augmentation,
    )
    first = options.folder / "data" / VARIANTS[0].data
    for name in DEVELOPMENT_FILES:  # the same questions for all
        if prepared != first:
            shutil.copy(first / f"development-{name}.npz", prepared)


def _prepare_spelled(data: Path, prepared: Path, mix: Mix) -> None:
    prepared.mkdir(parents=True, exist_ok=True)
    corpus, rng = Corpus.read(data), random.Random(0)
    drawn = draw(corpus.epoch(mix, rng), corpus, rng, AugmentationOptions())
    texts = list(_spelled(drawn))
    tokenizer = train_tokenizer((prompt + answer for prompt, answer in texts), _VOCABULARY)
    tokenizer.save(str(prepared / "tokenizer.json"))
    save_shard(prepared / "epoch-0.npz", _sequences(texts, tokenizer, _LONGEST))
    for name in DEVELOPMENT_FILES:
        unseen = _spelled(draw_development(data / f"{name}.dev.jsonl.gz", rng))
        sequences = _sequences(list(unseen), tokenizer, 4 * _LONGEST)
        save_shard(prepared / f"development-{name}.npz", sequences)
    (prepared / "prepared.json").write_text("{}", encoding="utf-8")


def _spelled(drawn: Iterator[DrawnPrompt] | Sequence[DrawnPrompt]) -> Iterator[tuple[str, str]]:
    written = PlainFormat()
    for one in drawn:
        schema, question = one.numbering.schema, one.numbering.question
        try:
            sql = to_sql(one.target, one.numbering, read="sqlite", write="sqlite")
            yield written.prompt(schema, question), written.target(sql, schema, question)
        except SquillError:
            continue


def _sequences(
    texts: Sequence[tuple[str, str]], tokenizer: Tokenizer, longest: int
) -> list[TokenSequence]:
    found = []
    for prompt, answer in texts:
        start = len(tokenizer.encode(prompt, add_special_tokens=False).ids)
        ids = tokenizer.encode(prompt + answer + END, add_special_tokens=False).ids
        if len(ids) <= longest:
            tokens = np.array(ids)
            found.append(TokenSequence(tokens, np.zeros_like(tokens), start, start, start))
    return found


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)


def _table(done: dict[str, dict[str, float]]) -> str:
    header = [""]
    for name in DEVELOPMENT_FILES:
        header += [f"{name}: loss", "columns", "whole answers"]
    return markdown([header, *([name, *_cells(figures)] for name, figures in done.items())])


def _cells(figures: dict[str, float]) -> Iterator[str]:
    """An answer that spells its names has no column slots, and more tokens to share its loss."""
    for name in DEVELOPMENT_FILES:
        columns = figures[f"{name}_columns"]
        yield f"{figures[name]:.2f}"
        yield "-" if math.isnan(columns) else f"{columns:.1%}"
        yield f"{figures[f'{name}_exact']:.1%}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of *.train.jsonl.gz and *.dev.jsonl.gz")
    parser.add_argument("folder", type=Path, help="where data and checkpoints go")
    parser.add_argument("--tokens", type=int, default=1_200_000, help="that each is trained on")
    parser.add_argument("--share", type=float, default=0.13, help="of the data, for as many tokens")
    parser.add_argument("--batch-tokens", type=int, default=1500, help="small: steps count early")
    parser.add_argument("--questions", type=int, default=300, help="of each data set")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", metavar="N,M", help="lines of the table, from 1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures, and go on")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
