"""Groups of token sequences as arrays: one shared beginning, and the rows behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill_trainer.learning.examples import TokenSequence

_SHORTEST_PREFIX = 8  # tokens; less is not worth a pass of its own
_PASS = 32
"""What one more pass costs beside its tokens, in tokens."""


@dataclass(frozen=True, slots=True)
class Group:
    """``rows`` and ``labels`` are (count, length), ``prefix`` the tokens before each row.

    ``counted`` are the positions of the flattened rows that have loss. ``rehearsed``: to be
    answered as the base model answers, whatever the labels.
    """

    prefix: mx.array
    rows: mx.array
    labels: mx.array
    counted: mx.array
    rehearsed: bool = False


def groups(
    sequences: Sequence[TokenSequence],
    *,
    longest: int,
    most_tokens: int,
    rehearsed: bool = False,
) -> list[Group]:
    """Every sequence of at most ``longest`` tokens, those of similar lengths together.

    A group of its own costs reading the shared beginning once more, so the lengths within one
    differ by as much as that is worth. No group has more than ``most_tokens`` tokens in its rows,
    unless a single row has.
    """
    fitting = [s for s in sequences if len(s.tokens) <= longest]
    prefix = shared_prefix(fitting)
    found: list[list[TokenSequence]] = []
    for sequence in sorted(fitting, key=lambda s: len(s.tokens)):
        last = found[-1] if found else []
        length = len(sequence.tokens)
        padding = len(last) * (length - len(last[-1].tokens)) if last else 0
        room = (len(last) + 1) * (length - prefix)
        if not last or room > most_tokens or padding > prefix + _PASS:
            found.append([])
        found[-1].append(sequence)
    return [_group(sequences, prefix, rehearsed=rehearsed) for sequences in found]


def shared_prefix(sequences: Sequence[TokenSequence]) -> int:
    """How many first tokens all prompts share; the answers' positions stay behind them."""
    if len(sequences) < 2:
        return 0
    asked = [s.tokens[: s.answer_start - 1] for s in sequences]
    # What the least and the greatest share is shared by all between them.
    ends = list(zip(min(asked), max(asked), strict=False))
    shared = next((i for i, (a, b) in enumerate(ends) if a != b), len(ends))
    return shared if shared >= _SHORTEST_PREFIX else 0


def _group(sequences: Sequence[TokenSequence], prefix: int, *, rehearsed: bool) -> Group:
    length = max(len(s.tokens) for s in sequences) - prefix
    tokens = np.zeros((len(sequences), length), np.int32)
    counted = np.zeros((len(sequences), length), bool)
    for row, sequence in enumerate(sequences):
        end = len(sequence.tokens) - prefix
        tokens[row, :end] = sequence.tokens[prefix:]
        counted[row, sequence.answer_start - prefix : end] = True
    return Group(
        mx.array(np.array(sequences[0].tokens[:prefix], np.int32)),
        mx.array(tokens[:, :-1]),
        mx.array(tokens[:, 1:]),
        mx.array(np.flatnonzero(counted[:, 1:]).astype(np.int32)),
        rehearsed,
    )
