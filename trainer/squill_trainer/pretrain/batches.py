"""Length-bucketed batches of tokenised prompts, as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from squill_trainer.pretrain.shards import TokenSequence


@dataclass(frozen=True, slots=True)
class Batch:
    """All are ``(batch, length)``; ``weights`` is 0 where there is no loss."""

    inputs: Tensor
    labels: Tensor
    weights: Tensor


def batches(
    sequences: Sequence[TokenSequence],
    rng: np.random.Generator,
    *,
    tokens: int,
    question_weight: float,
) -> Iterator[Batch]:
    """Every sequence once, in random batches of similar lengths and about ``tokens`` tokens."""
    lengths = np.array([len(s.tokens) for s in sequences])
    order = np.lexsort((rng.random(len(lengths)), lengths))
    groups: list[list[int]] = [[]]
    for index in order:
        if (len(groups[-1]) + 1) * lengths[index] > tokens and groups[-1]:
            groups.append([])
        groups[-1].append(int(index))
    for position in rng.permutation(len(groups)):
        yield _batch([sequences[i] for i in groups[position]], question_weight)


def _batch(sequences: Sequence[TokenSequence], question_weight: float) -> Batch:
    length = max(len(s.tokens) for s in sequences)
    tokens = np.zeros((len(sequences), length), dtype=np.int64)
    weights = np.zeros((len(sequences), length), dtype=np.float32)
    for row, sequence in enumerate(sequences):
        end = len(sequence.tokens)
        tokens[row, :end] = sequence.tokens
        weights[row, sequence.question_start : sequence.answer_start] = question_weight
        weights[row, sequence.answer_start : end] = 1.0
    return Batch(
        inputs=torch.from_numpy(tokens[:, :-1]),
        labels=torch.from_numpy(tokens[:, 1:]),
        weights=torch.from_numpy(weights[:, 1:]),
    )
