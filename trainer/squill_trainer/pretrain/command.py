"""``squill pretrain associate|prepare|train|evaluate|export``: the embedded model from scratch."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    options = _parser().parse_args(argv)
    try:
        import torch  # noqa: F401 (the optional extra; the other imports need it)
    except ModuleNotFoundError:
        print(
            "Training needs PyTorch: install it with `pip install torch`.",
            file=sys.stderr,
        )
        return 3
    steps = {
        "associate": _associate,
        "prepare": _prepare,
        "train": _train,
        "evaluate": _evaluate,
        "export": _export,
    }
    steps[options.step](options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="squill pretrain", description=__doc__)
    parser.add_argument("--prepared", type=Path, default=Path("runs/prepared"))
    parser.add_argument("--run", type=Path, default=Path("runs/base"))
    steps = parser.add_subparsers(dest="step", required=True)
    associate = steps.add_parser("associate", help="count which columns words speak of")
    associate.add_argument("data", type=Path, help="folder of *.train.jsonl.gz")
    prepare = steps.add_parser("prepare", help="make tokenizer and shards from the data")
    prepare.add_argument("data", type=Path, help="folder of *.train.jsonl.gz and *.dev.jsonl.gz")
    prepare.add_argument("--epochs", type=int, default=4)
    prepare.add_argument("--vocabulary", type=int, default=4096)
    prepare.add_argument("--seed", type=int, default=0)
    prepare.add_argument("--share", type=float, default=1.0, help="of the data, to tune a model")
    prepare.add_argument("--tokenizer", type=Path, help="of the model to tune")
    train = steps.add_parser("train", help="train, or go on from the last checkpoint")
    train.add_argument("--tokens", type=int, default=30_000_000)
    train.add_argument("--threads", type=int, default=1)
    train.add_argument("--hidden", type=int, default=256)
    train.add_argument("--layers", type=int, default=6)
    train.add_argument("--initial", type=Path, help="folder of a model to start from")
    train.add_argument("--rate", type=float, default=1.0, help="share of the learning rates")
    train.add_argument("--decay", type=float, default=0.4, help="share of the run that decays")
    train.add_argument("--batch-tokens", type=int, default=4000)
    evaluate = steps.add_parser("evaluate", help="judge the last checkpoint on unseen questions")
    evaluate.add_argument("--questions", type=int, default=300, help="of each data set")
    evaluate.add_argument("--threads", type=int, default=1)
    export = steps.add_parser("export", help="write a folder that mlx-lm loads")
    export.add_argument("folder", type=Path)
    return parser


def _associate(options: argparse.Namespace) -> None:
    from squill.prompt.slots.associations import FILE
    from squill_trainer.pretrain.association import SOURCES, write
    from squill_trainer.pretrain.corpus import read_pairs

    files = [options.data / f"{name}.train.jsonl.gz" for name in SOURCES]
    write([pair for file in files for pair in read_pairs(file)], FILE)


def _prepare(options: argparse.Namespace) -> None:
    from squill_trainer.pretrain.prepare import Mix, prepare

    prepare(
        options.data,
        options.prepared,
        epochs=options.epochs,
        vocabulary_size=options.vocabulary,
        mix=Mix(share=options.share),
        seed=options.seed,
        known=options.tokenizer,
    )


def _train(options: argparse.Namespace) -> None:
    import torch
    from tokenizers import Tokenizer

    from squill_trainer.pretrain.model import LlamaConfig
    from squill_trainer.pretrain.train import Trainer, TrainingOptions

    torch.set_num_threads(options.threads)
    tokenizer = Tokenizer.from_file(str(options.prepared / "tokenizer.json"))
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=options.hidden,
        intermediate_size=options.hidden * 11 // 4,
        num_hidden_layers=options.layers,
        num_attention_heads=options.hidden // 64,
    )
    training = TrainingOptions(
        token_budget=options.tokens,
        batch_tokens=options.batch_tokens,
        decay=options.decay,
        rate=options.rate,
        short_first=options.initial is None,
        warmup_steps=100 if options.initial is None else 20,
    )
    trainer = Trainer(options.prepared, options.run, config, training)
    if options.initial is not None:
        trainer.start_from(options.initial)
    trainer.train()


def _evaluate(options: argparse.Namespace) -> None:
    import torch

    from squill_trainer.pretrain.model import LlamaConfig
    from squill_trainer.pretrain.train import Trainer, TrainingOptions

    torch.set_num_threads(options.threads)
    state = torch.load(options.run / "checkpoint.pt", map_location="cpu", weights_only=True)
    judging = TrainingOptions(token_budget=0, judged=options.questions)
    trainer = Trainer(options.prepared, options.run, LlamaConfig(**state["config"]), judging)
    print(json.dumps(trainer.evaluate(), indent=1))


def _export(options: argparse.Namespace) -> None:
    from squill_trainer.pretrain.export import export

    export(options.prepared, options.run, options.folder)
