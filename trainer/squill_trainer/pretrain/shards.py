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
    """Token ids of one prompt with its answer, and the positions where its parts begin."""

    tokens: NDArray[Any]
    question_start: int
    answer_start: int


def save_shard(path: Path, sequences: Sequence[TokenSequence]) -> None:
    """Writes one epoch as flat arrays."""
    with path.open("wb") as file:
        np.savez(
            file,
            tokens=np.concatenate([s.tokens for s in sequences]).astype(np.uint16),
            lengths=np.array([len(s.tokens) for s in sequences], dtype=np.int32),
            questions=np.array([s.question_start for s in sequences], dtype=np.int32),
            answers=np.array([s.answer_start for s in sequences], dtype=np.int32),
        )


def load_shard(path: Path) -> list[TokenSequence]:
    """The inverse of `save_shard`."""
    with np.load(path) as data:
        ends = np.cumsum(data["lengths"])
        tokens, questions, answers = data["tokens"], data["questions"], data["answers"]
    starts = np.concatenate([[0], ends[:-1]])
    return [
        TokenSequence(tokens[a:b].astype(np.int64), int(q), int(r))
        for a, b, q, r in zip(starts, ends, questions, answers, strict=True)
    ]
