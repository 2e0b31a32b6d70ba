"""From the splits of a data set to train.jsonl, valid.jsonl and test.jsonl."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from squill.errors import SchemaError, UsageError
from squill.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from squill_trainer.datasets.forms import Form
    from squill_trainer.datasets.row import Row

SPLITS = ("train", "valid", "test")
_VALID_SHARE = 20  # one database in so many is for validation where the data has no such split


@dataclass(frozen=True, slots=True)
class Written:
    """How many lines each file has, and why the other rows were left out."""

    lines: Mapping[str, int]
    left_out: Counter[str] = field(default_factory=Counter)


def split_off(rows: Iterable[Row], *, valid: bool) -> Iterator[Row]:
    """One share or the other of training rows, by their databases: none is in both."""
    for row in rows:
        number = int.from_bytes(hashlib.sha256(row.database.encode()).digest()[:4])
        if (number % _VALID_SHARE == 0) is valid:
            yield row


def write_splits(
    splits: Mapping[str, Callable[[], Iterable[Row]]],
    form: Form,
    folder: Path,
    limits: Mapping[str, int | None],
) -> Written:
    """Each file appears whole or not at all; ``limits`` bounds a split's lines.

    Raises:
        UsageError: nothing could be written of the training split.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left_out: Counter[str] = Counter()
    counts = dict.fromkeys(SPLITS, 0)
    for name in SPLITS:
        if name not in splits:
            continue
        lines = _lines(splits[name](), form, left_out)
        counts[name] = _write(folder / f"{name}.jsonl", lines, limits.get(name))
    if not counts["train"]:
        reason = next(iter(left_out), "there are no rows")
        raise UsageError(f"No training example could be written: {reason}")
    return Written(counts, left_out)


def _lines(rows: Iterable[Row], form: Form, left_out: Counter[str]) -> Iterator[str]:
    for row in rows:
        try:
            yield json.dumps(form(row), ensure_ascii=False)
        except SchemaError as error:
            left_out[str(error).split("'")[0].split(":")[0]] += 1


def _write(path: Path, lines: Iterator[str], limit: int | None) -> int:
    count = 0
    with replacing(path) as aside, aside.open("w", encoding="utf-8") as file:
        while (limit is None or count < limit) and (line := next(lines, None)) is not None:
            file.write(f"{line}\n")
            count += 1
    return count
