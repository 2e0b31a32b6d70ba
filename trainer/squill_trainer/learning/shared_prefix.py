"""One pass over many texts that begin alike: what they share is read once.

The prompts of a workspace's pairs differ in the question alone, and the schema before it is most of
each. Keys and values of the shared tokens are computed once, differentiably, and every row attends
to them, so loss and gradients are those of the separate texts at a fraction of the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import create_attention_mask

if TYPE_CHECKING:
    from squill_trainer.learning.batches import Group

_PLAIN_HEADS = frozenset(("llama", "mistral", "qwen2", "qwen3"))
"""Models whose logits are their hidden states times one matrix, and nothing more."""


class _Layer:
    """The cache of one attention layer: it keeps the first text's keys for the rows that follow."""

    def __init__(self) -> None:
        self.offset = 0
        self._keys: mx.array | None = None
        self._values: mx.array | None = None

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        if self._keys is None or self._values is None:
            self._keys, self._values = keys, values
            return keys, values
        rows = keys.shape[0]
        return _joined(self._keys, keys, rows), _joined(self._values, values, rows)

    def make_mask(
        self, length: int, return_array: bool = False, window_size: int | None = None
    ) -> Any:
        return create_attention_mask(length, self.offset, return_array, window_size)


def _joined(shared: mx.array, own: mx.array, rows: int) -> mx.array:
    return mx.concatenate([mx.broadcast_to(shared, (rows, *shared.shape[1:])), own], axis=2)


def total_loss(model: Any, group: Group, taught: mx.array | None = None) -> mx.array:
    """The sum over the group's counted tokens, in nats: of their cross entropies or, where
    ``taught`` are a teacher's logits, of the divergences (Kullback and Leibler) from the teacher.
    """
    logits = counted_logits(model, group)
    labels = group.labels.reshape(-1)[group.counted]
    targets = labels if taught is None else mx.softmax(taught, axis=-1)
    loss: mx.array = nn.losses.cross_entropy(logits, targets).sum()
    return loss if taught is None else loss - _entropy(taught)


def _entropy(logits: mx.array) -> mx.array:
    shares = mx.softmax(logits, axis=-1)
    return (mx.logsumexp(logits, axis=-1) - (shares * logits).sum(axis=-1)).sum()


def counted_logits(model: Any, group: Group) -> mx.array:
    """(counted tokens, vocabulary)."""
    layers = _read_prefix(model, group.prefix)
    if getattr(model, "model_type", "") in _PLAIN_HEADS:
        hidden = model.model(group.rows, cache=layers)
        chosen = hidden.reshape(-1, hidden.shape[-1])[group.counted]
        tied = not hasattr(model, "lm_head")
        logits = model.model.embed_tokens.as_linear(chosen) if tied else model.lm_head(chosen)
    else:
        every = model(group.rows, cache=layers)
        logits = every.reshape(-1, every.shape[-1])[group.counted]
    found: mx.array = logits
    return found


def _read_prefix(model: Any, prefix: mx.array) -> list[_Layer] | None:
    if not prefix.size:
        return None
    layers = [_Layer() for _ in model.layers]
    model(prefix[None], cache=layers)  # its logits are never asked for, so never computed
    for layer in layers:
        layer.offset = prefix.size
    return layers
