"""Length-bucketed batches of tokenised prompts, as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from squill.prompt.slots.vocabulary import all_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from squill_trainer.pretrain.shards import TokenSequence

_FIRST_SPELLED = len(all_tokens())
"""Slots come before it; that they count upwards in a question is nothing to learn."""


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
    short_first: bool = False,
) -> Iterator[Batch]:
    """Every sequence once, in random batches of similar lengths and about ``tokens`` tokens.

    With ``short_first`` the batches come in the order of their lengths, loosely.
    """
    lengths = np.array([len(s.tokens) for s in sequences])
    order = np.lexsort((rng.random(len(lengths)), lengths))
    groups: list[list[int]] = [[]]
    for index in order:
        if (len(groups[-1]) + 1) * lengths[index] > tokens and groups[-1]:
            groups.append([])
        groups[-1].append(int(index))
    ranks = np.arange(len(groups)) * float(short_first) + rng.random(len(groups)) * len(groups) / 2
    for position in np.argsort(ranks):
        yield _batch([sequences[i] for i in groups[position]], question_weight)


def _batch(sequences: Sequence[TokenSequence], question_weight: float) -> Batch:
    length = max(len(s.tokens) for s in sequences)
    tokens = np.zeros((len(sequences), length), dtype=np.int64)
    weights = np.zeros((len(sequences), length), dtype=np.float32)
    for row, sequence in enumerate(sequences):
        end = len(sequence.tokens)
        tokens[row, :end] = sequence.tokens
        question = slice(sequence.question_start, sequence.answer_start)
        weights[row, question] = question_weight * (sequence.tokens[question] >= _FIRST_SPELLED)
        weights[row, sequence.answer_start : end] = 1.0
    return Batch(
        inputs=torch.from_numpy(tokens[:, :-1]),
        labels=torch.from_numpy(tokens[:, 1:]),
        weights=torch.from_numpy(weights[:, 1:]),
    )
