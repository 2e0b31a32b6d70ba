"""The command that trains the embedded model: ``python -m squill_trainer.pretraining.recipe``."""

from __future__ import annotations

import argparse
from pathlib import Path

from squill_trainer.pretraining.corpus import Source, read
from squill_trainer.pretraining.train import Options, Trainer

SHARES = {
    "desk.train": 1.0,
    "desk.silent.train": 1.0,
    "spider.train": 0.3,
    "spider_syn.train": 0.08,
    "wikisql.train": 0.025,
    "bird.train": 0.1,
}
"""Share of each data set's queries in one pass; each query in one of its wordings."""


def sources(data: Path, more: list[Path]) -> list[Source]:
    """The data sets of the recipe, and ``more`` files of pairs, whole."""
    found = [
        Source(data / f"{name}.jsonl.gz", share, declined=".silent." in name)
        for name, share in SHARES.items()
    ]
    return found + [Source(path, declined=".silent." in path.name) for path in more]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--start", type=Path, required=True, help="the folder of the model to start from"
    )
    parser.add_argument("--run", type=Path, required=True, help="log, checkpoint, result")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--more", type=Path, nargs="*", default=[], help="more files of pairs")
    parser.add_argument("--minutes", type=float, default=90, help="length of this leg")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--frozen-layers", type=int, default=8)
    parser.add_argument("--batch-tokens", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=0, help="another one for each leg")
    given = parser.parse_args()
    options = Options(
        seconds=given.minutes * 60,
        rate=given.rate,
        frozen_layers=given.frozen_layers,
        batch_tokens=given.batch_tokens,
        seed=given.seed,
    )
    databases = [(source, read(source)) for source in sources(given.data, given.more)]
    Trainer(given.start, given.run, options).train(databases)


if __name__ == "__main__":
    main()
