"""Trains low-rank adapters with mlx-lm's own layers, one step at a time.

All of it on one thread, which must be the one that loaded the model.
"""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import mlx.optimizers as optimizers
from mlx.nn.utils import value_and_grad
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.tuner.utils import linear_to_lora_layers

from squill.adapters import CONFIG, WEIGHTS
from squill.errors import TrainingDivergedError
from squill_trainer.learning.directions import (
    covariances,
    distinctive,
    distinctive_tokens,
    embeddings,
    look_along,
)
from squill_trainer.learning.shared_prefix import counted_logits, total_loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from squill_trainer.learning.batches import Group


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """``keys``: paths within a layer, or from the model's root; empty for all linear layers.

    ``num_layers`` counts from the last layer; -1 for all.
    """

    rank: int = 16
    scale: float = 2.0
    dropout: float = 0.0
    keys: tuple[str, ...] = ()
    num_layers: int = -1
    dora: bool = False

    def to_config(self) -> dict[str, Any]:
        """As mlx-lm writes it in adapter_config.json."""
        parameters: dict[str, Any] = {
            "rank": self.rank,
            "scale": self.scale,
            "dropout": self.dropout,
        }
        if self.keys:
            parameters["keys"] = list(self.keys)
        kind = "dora" if self.dora else "lora"
        return {
            "fine_tune_type": kind,
            "num_layers": self.num_layers,
            "lora_parameters": parameters,
        }


@dataclass(frozen=True, slots=True)
class OptimizerSettings:
    """The rate rises over ``warmup`` steps and falls linearly to 0 at ``steps``.

    ``rehearsal``: what a divergence from the base model weighs beside the cross entropy of what is
    new.
    """

    steps: int
    rate: float
    rehearsal: float = 4.0
    warmup: int = 10
    weight_decay: float = 0.01
    largest_gradient: float = 1.0

    def rate_at(self, step: int) -> float:
        risen = min(1.0, (step + 1) / self.warmup)
        return self.rate * risen * max(0.0, 1.0 - step / self.steps)


@dataclass(frozen=True, slots=True)
class Step:
    """A step that has been taken: its number from 1, its loss a token, and the tokens it read."""

    number: int
    loss: float
    tokens: int


class LoraTraining:
    """A base model with trainable low-rank layers, and their optimiser."""

    def __init__(
        self, model: Any, lora: LoraSettings, optimizer: OptimizerSettings, *, seed: int = 0
    ) -> None:
        mx.random.seed(seed)
        model.freeze()
        parameters = lora.to_config()["lora_parameters"]
        linear_to_lora_layers(model, lora.num_layers, parameters, use_dora=lora.dora)
        self.model = model
        self.step = 0
        self._lora = lora
        self._settings = optimizer
        self._optimizer = optimizers.AdamW(
            optimizer.rate, betas=[0.9, 0.98], weight_decay=optimizer.weight_decay
        )
        self._optimizer.init(model.trainable_parameters())
        self._gradients = value_and_grad(model, _mean_loss)
        trained: Any = tree_flatten(model.trainable_parameters())
        self._names = frozenset(name for name, _ in trained)
        self._initial = self.weights

    @property
    def steps(self) -> int:
        """How many there will have been at the end."""
        return self._settings.steps

    @property
    def weights(self) -> dict[str, mx.array]:
        """The adapter's, by their paths in the model."""
        flat: Any = tree_flatten(self.model.parameters())
        return {name: array for name, array in flat if name in self._names}

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        trained: Any = tree_flatten(self.model.trainable_parameters())
        return sum(array.size for _, array in trained)

    def focus(self, new: Sequence[Group], general: Sequence[Group]) -> None:
        """Change from now on only what is said of texts that differ from ``general`` as ``new`` do.

        Half of the weights is chosen thereby, so it comes before any are taken over.
        """
        with _without_adapter(self.model):
            of_new, of_general = covariances(self.model, new), covariances(self.model, general)
        directions = {
            name: distinctive(of_new[name], of_general[name], self._lora.rank) for name in of_new
        }
        for name, layer in embeddings(self.model).items():
            tokens = layer.lora_a.shape[0]
            directions[name] = distinctive_tokens(new, general, tokens, self._lora.rank)
        look_along(self.model, directions)
        self._optimizer.init(self.model.trainable_parameters())
        self._initial = self.weights

    def start_anew(self) -> None:
        """Weights as of a training's beginning: they change no answer."""
        self.model.update(tree_unflatten(list(self._initial.items())))

    def start_from(self, weights: Mapping[str, mx.array]) -> bool:
        """Take over an adapter's weights; False where they are of another shape."""
        own = self.weights
        if own.keys() != weights.keys():
            return False
        if any(own[name].shape != weights[name].shape for name in own):
            return False
        self.model.update(tree_unflatten(list(weights.items())))
        return True

    def train(self, batches: Iterable[Sequence[Group]]) -> Iterator[Step]:
        """One step for each batch; the caller may do anything between two, or stop.

        Raises:
            TrainingDivergedError: the loss is no number.
        """
        self.model.train()
        for batch in batches:
            yield self._take(batch)

    def _take(self, batch: Sequence[Group]) -> Step:
        self._optimizer.learning_rate = mx.array(self._settings.rate_at(self.step))
        loss, gradients = self._gradients(
            self.model, batch, self._taught(batch), self._settings.rehearsal
        )
        gradients, _ = optimizers.clip_grad_norm(  # type: ignore[no-untyped-call]
            gradients, self._settings.largest_gradient
        )
        value = _number(loss)
        if not math.isfinite(value):
            raise TrainingDivergedError(
                f"The loss was {value} at step {self.step + 1}, so the training was given up. "
                "Train again with a lower learning rate."
            )
        self._optimizer.update(self.model, gradients)
        mx.eval(self.model.trainable_parameters(), self._optimizer.state)
        self.step += 1
        return Step(self.step, value, sum(g.rows.size + g.prefix.size for g in batch))

    def _taught(self, batch: Sequence[Group]) -> list[mx.array | None]:
        """The base model's logits for what is rehearsed (DoRA's base cannot be told apart)."""
        if self._lora.dora or not any(group.rehearsed for group in batch):
            return [None] * len(batch)
        with _without_adapter(self.model):
            taught = [counted_logits(self.model, g) if g.rehearsed else None for g in batch]
            mx.eval([logits for logits in taught if logits is not None])
        return taught

    def loss(self, groups: Sequence[Group]) -> float:
        """Of each counted token, in nats, without learning from it."""
        self.model.eval()
        return _number(_mean_loss(self.model, groups, [None] * len(groups)))

    def state(self) -> dict[str, mx.array]:
        """Weights and the optimiser's state, flat, for a checkpoint."""
        optimizer: Any = tree_flatten(self._optimizer.state)
        own = {f"weights.{name}": array for name, array in self.weights.items()}
        return own | {f"optimizer.{name}": array for name, array in optimizer}

    def restore(self, state: Mapping[str, mx.array], step: int) -> None:
        """The inverse of `state`; ``step`` is how many had been taken."""
        weights = _below(state, "weights.")
        self.model.update(tree_unflatten(list(weights.items())))
        self._optimizer.state = tree_unflatten(list(_below(state, "optimizer.").items()))
        mx.eval(self.model.trainable_parameters(), self._optimizer.state)
        self.step = step

    def save_adapter(self, folder: Path, strength: float = 1.0) -> Path:
        """Write the folder that mlx-lm calls an adapter; it is for publishing, not for serving.

        ``strength`` is the share of the change that was learned: below 1, less is learned and less
        forgotten (LoRA alone: what DoRA learned has no half).
        """
        folder.mkdir(parents=True, exist_ok=True)
        weights = {
            name: array * strength if name.endswith("lora_b") and strength != 1 else array
            for name, array in self.weights.items()
        }
        mx.save_safetensors(str(folder / WEIGHTS), weights)
        config = self._lora.to_config()
        (folder / CONFIG).write_text(json.dumps(config, indent=1), encoding="utf-8")
        return folder

    def describe(self) -> dict[str, Any]:
        """What a checkpoint must agree with to be this training's."""
        return {"lora": asdict(self._lora), "optimizer": asdict(self._settings)}


def _below(state: Mapping[str, mx.array], prefix: str) -> dict[str, mx.array]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _number(value: mx.array) -> float:
    found: Any = value.item()
    return float(found)


def _mean_loss(
    model: Any, groups: Sequence[Group], taught: Sequence[mx.array | None], rehearsal: float = 1.0
) -> mx.array:
    losses = (
        total_loss(model, group, t) * (1.0 if t is None else rehearsal)
        for group, t in zip(groups, taught, strict=True)
    )
    return sum(losses, mx.array(0.0)) / max(1, sum(group.counted.size for group in groups))


@contextmanager
def _without_adapter(model: Any) -> Iterator[None]:
    """The model as it was before it got its low-rank layers, for as long as the context lasts."""
    layers = [layer for layer in model.modules() if "lora_a" in layer]
    scales = [layer.scale for layer in layers]
    for layer in layers:
        layer.scale = 0.0
    try:
        yield
    finally:
        for layer, scale in zip(layers, scales, strict=True):
            layer.scale = scale
