"""``squill dataset``: public text-to-SQL data, written for a training."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from squill.errors import SquillError

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, _, USAGE, TROUBLE = range(4)

_FORMATS = ("recipe", "plain-1", "chat-1", "slots-2")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: written; 2: usage, data that is not there included; 3: other trouble."""
    options = _parser().parse_args(argv)
    try:
        _write(options)
    except SquillError as error:
        print(f"squill dataset: {error.message}", file=sys.stderr)
        return USAGE
    except OSError as error:
        print(f"squill dataset: {options.out} cannot be written: {error.strerror}", file=sys.stderr)
        return TROUBLE
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="squill dataset",
        description="Write train.jsonl, valid.jsonl and test.jsonl for `squill train --data`.",
    )
    parser.add_argument("name", choices=("wikisql", "spider"), help="the data set")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="PATH",
        help="its folder or archive as its authors publish it (.tar.bz2, .zip, unpacked), or JSON "
        "Lines with schema, question and sql (default: the hub)",
    )
    parser.add_argument("--hub-id", metavar="ID", help="another id on the hub, of the same form")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="recipe",
        help="recipe: one text, as in the WikiSQL recipe; the others: prompt and completion in "
        "one of Squill's prompt formats (default: recipe)",
    )
    for split in ("train", "valid", "test"):
        parser.add_argument(f"--{split}", type=_count, metavar="N", help=f"at most N for {split}")
    parser.add_argument("--json", action="store_true", help="one JSON object on what was written")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _write(options: argparse.Namespace) -> None:
    from squill_trainer.datasets.forms import FORMS
    from squill_trainer.datasets.hub import HUB_IDS
    from squill_trainer.datasets.sources import hub_splits, local_splits
    from squill_trainer.datasets.writing import SPLITS, write_splits

    if options.source is not None:
        splits = local_splits(options.name, options.source)
    else:
        splits = hub_splits(options.name, options.hub_id or HUB_IDS[options.name])
    limits = {split: getattr(options, split) for split in SPLITS}
    written = write_splits(splits, FORMS[options.format], options.out, limits)
    if options.json:
        print(json.dumps({"lines": dict(written.lines), "left_out": dict(written.left_out)}))
        return
    counts = ", ".join(f"{count} {split}" for split, count in written.lines.items())
    print(f"{options.out}: {counts}")
    for reason, count in written.left_out.most_common():
        print(f"left out {count}: {reason}", file=sys.stderr)
