"""Length-bucketed batches of tokenised prompts, as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from squill_trainer.pretrain.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from squill_trainer.pretrain.shards import TokenSequence


@dataclass(frozen=True, slots=True)
class Batch:
    """All are ``(batch, length)``; ``weights`` is 0 where there is no loss on a token.

    ``names`` is true where a table or a column has ``roles``, ``(batch, length, roles)`` 0 or 1.
    """

    inputs: Tensor
    labels: Tensor
    weights: Tensor
    names: Tensor
    roles: Tensor


def batches(
    sequences: Sequence[TokenSequence],
    rng: np.random.Generator,
    *,
    tokens: int,
    word_weight: float,
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
        yield _batch([sequences[i] for i in groups[position]], word_weight)


def _batch(sequences: Sequence[TokenSequence], word_weight: float) -> Batch:
    shape = len(sequences), max(len(s.tokens) for s in sequences) - 1
    inputs, labels, masks = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    weights = np.zeros(shape, dtype=np.float32)
    names = np.zeros(shape, dtype=np.bool_)
    for row, sequence in enumerate(sequences):
        last = len(sequence.tokens) - 1
        echo, own, answer = sequence.echo_start, sequence.names_start, sequence.answer_start
        inputs[row, :last] = sequence.tokens[:-1]
        labels[row, :last] = sequence.tokens[1:]
        labels[row, echo:own] = sequence.marks[echo:own]
        weights[row, echo:own] = word_weight
        weights[row, answer - 1 : last] = 1.0
        names[row, own : answer - 1] = True
        masks[row, own : answer - 1] = sequence.marks[own : answer - 1]
    roles = masks[:, :, None] >> np.arange(len(ROLES)) & 1
    return Batch(
        torch.from_numpy(inputs),
        torch.from_numpy(labels),
        torch.from_numpy(weights),
        torch.from_numpy(names),
        torch.from_numpy(roles.astype(np.float32)),
    )
