"""Where an adapter looks: directions in which the texts to be learned differ from all others.

A low-rank layer adds ``(x @ a) @ b``. With random ``a`` it changes the answers to every question.
Here ``a`` spans the directions of the inputs that the new texts vary in most for how much general
ones do: the leading generalised eigenvectors of both covariances. It is then kept, and ``b`` alone
is trained, so what the model says of other texts has little to change by.

An embedding's inputs are tokens, so its directions are those tokens that the new texts have most
for how often general ones do: the pieces of new words, and of the constants that they mean.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
from mlx.nn.layers.base import Module
from mlx.utils import tree_unflatten
from mlx_lm.tuner.lora import LoRAEmbedding, LoRALinear

from squill_trainer.learning.shared_prefix import counted_logits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from squill_trainer.learning.batches import Group

_RIDGE = 0.03
"""Of the mean variance: a direction that hardly any text varies in is none to rely on."""
_RARE = 0.005
"""A share of the texts: a token that fewer general ones have is no rarer for that."""
_SPREAD = 0.6
"""Root mean square of what the layer sees of the new texts along each direction."""


class _Listening(Module):
    """A layer that remembers the second moments of its inputs."""

    def __init__(self, layer: LoRALinear) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layer = layer
        self.moments = mx.zeros((layer.lora_a.shape[0],) * 2)
        self.rows = 0

    def __call__(self, x: mx.array) -> Any:
        flat = x.reshape(-1, x.shape[-1])
        self.moments = self.moments + flat.T @ flat
        self.rows += flat.shape[0]
        return self.layer(x)


def low_rank_layers(model: Any) -> dict[str, LoRALinear]:
    """By their paths in the model."""
    return {name: layer for name, layer in model.named_modules() if type(layer) is LoRALinear}


def covariances(model: Any, groups: Sequence[Group]) -> dict[str, NDArray[np.float64]]:
    """Of the inputs of each low-rank layer while the model reads ``groups``, about zero."""
    with _listening(model) as listening:
        for group in groups:
            logits = counted_logits(model, group)
            mx.eval(logits, [layer.moments for layer in listening.values()])
        return {
            name: np.array(layer.moments, np.float64) / max(1, layer.rows)
            for name, layer in listening.items()
        }


@contextmanager
def _listening(model: Any) -> Iterator[dict[str, _Listening]]:
    layers = low_rank_layers(model)
    listening = {name: _Listening(layer) for name, layer in layers.items()}
    model.update_modules(tree_unflatten(list(listening.items())))
    try:
        yield listening
    finally:
        model.update_modules(tree_unflatten(list(layers.items())))


def distinctive(
    new: NDArray[np.float64], general: NDArray[np.float64], rank: int
) -> NDArray[np.float64]:
    """(inputs, ``rank``): along which the new inputs vary most, measured by the general ones."""
    size = len(general)
    measure = general + _RIDGE * max(np.trace(general) / size, 1e-12) * np.eye(size)
    inverse = np.linalg.inv(np.linalg.cholesky(measure))
    ratios, vectors = np.linalg.eigh(inverse @ new @ inverse.T)
    leading = inverse.T @ vectors[:, ::-1][:, :rank]
    found: NDArray[np.float64] = leading * _SPREAD / np.sqrt(ratios[::-1][:rank].clip(1e-12))
    return found


def embeddings(model: Any) -> dict[str, LoRAEmbedding]:
    """Those with low-rank layers, by their paths in the model."""
    return {name: layer for name, layer in model.named_modules() if type(layer) is LoRAEmbedding}


def distinctive_tokens(
    new: Sequence[Group], general: Sequence[Group], vocabulary: int, rank: int
) -> NDArray[np.float64]:
    """(``vocabulary``, ``rank``): one token along each direction."""
    ratios = _token_shares(new, vocabulary) / (_token_shares(general, vocabulary) + _RARE)
    found = np.zeros((vocabulary, rank))
    found[np.argsort(-ratios, kind="stable")[:rank], np.arange(rank)] = _SPREAD
    return found


def _token_shares(groups: Sequence[Group], vocabulary: int) -> NDArray[np.float64]:
    """Of the texts, how many have each token."""
    having, texts = np.zeros(vocabulary), 0
    for group in groups:
        prefix = np.array(group.prefix)
        for row in np.array(group.rows):
            having[np.union1d(prefix, row)] += 1
        texts += group.rows.shape[0]
    return having / max(1, texts)


def look_along(model: Any, directions: Mapping[str, NDArray[np.float64]]) -> None:
    """Give each layer its directions, for good: they are trained no more."""
    for name, layer in (low_rank_layers(model) | embeddings(model)).items():
        layer.lora_a = mx.array(directions[name].astype(np.float32))
        layer.freeze(keys=["lora_a"], recurse=False)
