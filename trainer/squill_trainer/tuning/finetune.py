"""A fine-tuning by mlx-lm's own tuner, told as its users know it.

All of it on one thread, which must be the one that loaded the model.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import mlx.optimizers as optimizers
from mlx.nn.losses import cross_entropy
from mlx.utils import tree_flatten
from mlx_lm.tuner.callbacks import TrainingCallback
from mlx_lm.tuner.trainer import TrainingArgs, evaluate, train
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import get_total_parameters

from squill.adapters import CONFIG, WEIGHTS
from squill.errors import TrainingDivergedError, UsageError
from squill_trainer.tuning.curves import Curves, Point

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from squill_trainer.learning.lora import LoraSettings

    Sequences = Sequence[tuple[list[int], int]]
    Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSettings:
    """mlx-lm's own defaults. Lengths are in tokens, intervals in steps."""

    iters: int = 1000
    batch_size: int = 4
    learning_rate: float = 1e-5
    optimizer: str = "adam"
    max_seq_length: int = 2048
    steps_per_report: int = 10
    steps_per_eval: int = 200
    val_batches: int = 25
    save_every: int = 100
    grad_checkpoint: bool = False
    grad_accumulation_steps: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Parameters:
    """Counts of one model's parameters; a quantised weight counts as many as it stands for."""

    trainable: int
    total: int

    def __str__(self) -> str:
        share = 100 * self.trainable / self.total
        return (
            f"Trainable parameters: {share:.3f}% "
            f"({self.trainable / 1e6:.3f}M/{self.total / 1e6:.3f}M)"
        )


def add_lora(model: Any, lora: LoraSettings) -> Parameters:
    """Give the model its low-rank layers, which alone are trained from now on.

    Raises:
        UsageError: it has fewer layers, or none of the modules that are named.
    """
    if lora.num_layers > len(model.layers):
        raise UsageError(
            f"The model has {len(model.layers)} layers, not {lora.num_layers}. "
            "Lower --num-layers; -1 means all."
        )
    model.freeze()
    before: int = get_total_parameters(model)  # type: ignore[no-untyped-call]
    try:
        linear_to_lora_layers(
            model, lora.num_layers, lora.to_config()["lora_parameters"], use_dora=lora.dora
        )
    except ValueError as error:
        raise UsageError(f"This model cannot be tuned so: {error}. Name other --keys.") from error
    trainable = sum(array.size for _, array in _trainable(model))
    if not trainable:
        raise UsageError(f"No module of the model is called {', '.join(lora.keys)}.")
    return Parameters(trainable, before + trainable)


def _trainable(model: Any) -> list[tuple[str, mx.array]]:
    found: Any = tree_flatten(model.trainable_parameters())
    return list(found)


def token_loss(model: Any, batch: mx.array, spans: mx.array) -> tuple[mx.array, mx.array]:
    """Mean loss over the tokens from each span's start to its end; their number.

    As mlx-lm's own, without the padding behind the end, which that one counts in.
    """
    losses = cross_entropy(model(batch[:, :-1]), batch[:, 1:])
    return _mean(losses, spans)


def token_accuracy(model: Any, batch: mx.array, spans: mx.array) -> tuple[mx.array, mx.array]:
    """The share of those tokens that the model would have written itself."""
    right = mx.argmax(model(batch[:, :-1]), axis=-1) == batch[:, 1:]
    return _mean(right, spans)


def _mean(values: mx.array, spans: mx.array) -> tuple[mx.array, mx.array]:
    positions = mx.arange(1, values.shape[1] + 1)
    counted = mx.logical_and(positions >= spans[:, :1], positions < spans[:, 1:])
    count = counted.sum()
    return (values * counted).astype(mx.float32).sum() / count, count


class Tuning:
    """One training of ``model``, whose low-rank layers are there already."""

    def __init__(
        self, model: Any, settings: TuningSettings, valid: Sequences, say: Say, folder: Path
    ) -> None:
        """``folder`` is where the weights and their checkpoints go."""
        self._model = model
        self._settings = settings
        self._valid = valid
        self._say = say
        self._folder = folder

    def run(self, sequences: Sequences) -> Curves:
        """
        Raises:
            UsageError: there are fewer examples than a batch takes.
            TrainingDivergedError: the loss was no number.
        """
        settings = self._settings
        if len(sequences) < settings.batch_size:
            raise UsageError(
                f"There are {len(sequences)} examples and a batch takes {settings.batch_size}. "
                "Lower --batch-size."
            )
        self._warn(sequences)
        self._folder.mkdir(parents=True, exist_ok=True)
        mx.random.seed(settings.seed)
        watcher = _Watcher(self, self._say)
        self._say(f"Starting training, iters: {settings.iters}")
        with contextlib.redirect_stdout(io.StringIO()):  # its table has no iterations a second
            train(
                model=self._model,
                optimizer=_OPTIMIZERS[settings.optimizer](learning_rate=settings.learning_rate),
                train_dataset=sequences,
                val_dataset=self._valid if self._is_valid else None,
                args=self._arguments(),
                loss=token_loss,
                training_callback=watcher,
            )
        return watcher.curves

    @property
    def _is_valid(self) -> bool:
        return len(self._valid) >= self._settings.batch_size

    def _warn(self, sequences: Sequences) -> None:
        longest = self._settings.max_seq_length
        cut = sum(len(tokens) > longest for tokens, _ in sequences)
        if cut:
            self._say(f"{cut} of {len(sequences)} examples are cut off at {longest} tokens")
        if not self._is_valid:
            count = len(self._valid)
            self._say(f"no validation: {count} examples are fewer than a batch")

    def _arguments(self) -> TrainingArgs:
        settings = self._settings
        return TrainingArgs(
            batch_size=settings.batch_size,
            iters=settings.iters,
            val_batches=settings.val_batches,
            steps_per_report=settings.steps_per_report,
            steps_per_eval=settings.steps_per_eval,
            steps_per_save=settings.save_every,
            max_seq_length=settings.max_seq_length,
            adapter_file=str(self._folder / WEIGHTS),
            grad_checkpoint=settings.grad_checkpoint,
            grad_accumulation_steps=settings.grad_accumulation_steps,
        )

    def evaluate(self, sequences: Sequences, loss: Any = token_loss, batches: int = -1) -> float:
        """The mean over ``sequences`` of what ``loss`` measures; -1 for all batches."""
        value: float = evaluate(
            self._model,
            sequences,
            self._settings.batch_size,
            batches,
            self._settings.max_seq_length,
            loss=loss,
        )
        return value

    def validation_accuracy(self) -> float:
        value = self.evaluate(self._valid, token_accuracy, self._settings.val_batches)
        self._model.train()  # mlx-lm's loop goes on
        return value


class _Watcher(TrainingCallback):
    """Tells what mlx-lm reports, and keeps it."""

    def __init__(self, tuning: Tuning, say: Say) -> None:
        self.curves = Curves()
        self._tuning = tuning
        self._say = say

    def on_train_loss_report(self, train_info: dict[str, Any]) -> None:
        step, loss = train_info["iteration"], train_info["train_loss"]
        if not math.isfinite(loss):
            raise TrainingDivergedError(
                f"The loss was {loss} at step {step}, so the training was given up. "
                "Train again with a lower --learning-rate."
            )
        self.curves.steps.append(Point(step, loss=loss))
        self._say(
            f"Iter {step}: Train loss {loss:.3f}, "
            f"Learning Rate {train_info['learning_rate']:.3e}, "
            f"It/sec {train_info['iterations_per_second']:.3f}, "
            f"Tokens/sec {train_info['tokens_per_second']:.3f}, "
            f"Trained Tokens {train_info['trained_tokens']:.0f}, "
            f"Peak mem {train_info['peak_memory']:.3f} GB"
        )

    def on_val_loss_report(self, val_info: dict[str, Any]) -> None:
        step, loss = val_info["iteration"], val_info["val_loss"]
        accuracy = self._tuning.validation_accuracy()
        self.curves.steps.append(Point(step, validation=loss, accuracy=accuracy))
        self._say(
            f"Iter {step}: Val loss {loss:.3f}, Val token accuracy {accuracy:.3f}, "
            f"Val took {val_info['val_time']:.3f}s"
        )


_OPTIMIZERS = {"adam": optimizers.Adam, "adamw": optimizers.AdamW, "sgd": optimizers.SGD}


def write_config(folder: Path, lora: LoraSettings) -> None:
    """The adapter_config.json that mlx-lm reads beside the weights."""
    text = json.dumps(lora.to_config(), indent=1)
    (folder / CONFIG).write_text(text, encoding="utf-8")
