"""Shards of tokenised prompts on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """Token ids of one prompt with its answer, and the positions where its parts begin.

    ``marks`` has the labels of the slots behind the question, 0 elsewhere: from ``echo_start`` on,
    a token for each word; from ``names_start`` on, a mask of roles for each table and column.
    """

    tokens: NDArray[Any]
    marks: NDArray[Any]
    echo_start: int
    names_start: int
    answer_start: int


def save_shard(path: Path, sequences: Sequence[TokenSequence]) -> None:
    """Writes one epoch as flat arrays."""
    with path.open("wb") as file:
        np.savez(
            file,
            tokens=np.concatenate([s.tokens for s in sequences]).astype(np.uint16),
            lengths=np.array([len(s.tokens) for s in sequences], dtype=np.int32),
            marks=np.concatenate([s.marks for s in sequences]).astype(np.uint16),
            starts=np.array(
                [(s.echo_start, s.names_start, s.answer_start) for s in sequences], dtype=np.int32
            ),
        )


def load_shard(path: Path) -> list[TokenSequence]:
    """The inverse of `save_shard`."""
    with np.load(path) as data:
        ends = np.cumsum(data["lengths"])
        tokens, marks, starts = data["tokens"], data["marks"], data["starts"]
    return [
        TokenSequence(tokens[a:b].astype(np.int64), marks[a:b].astype(np.int64), *map(int, parts))
        for a, b, parts in zip([0, *ends[:-1]], ends, starts, strict=True)
    ]
