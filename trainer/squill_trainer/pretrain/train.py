"""The training loop: warm-up, constant rate, linear decay; checkpoints whole or not at all."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from squill_trainer.pretrain.batches import batches
from squill_trainer.pretrain.model import Llama, LlamaConfig
from squill_trainer.pretrain.optimizer import Optimizer
from squill_trainer.pretrain.shards import load_shard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from squill_trainer.pretrain.batches import Batch


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """``token_budget`` is the length of the whole run; ``decay`` the share of it that decays."""

    token_budget: int
    batch_tokens: int = 3000
    warmup_steps: int = 100
    decay: float = 0.4
    muon_rate: float = 0.01
    adam_rate: float = 2e-3
    rate: float = 1.0
    """Share of both rates, below 1 to tune a trained model."""
    short_first: bool = True
    question_weight: float = 0.05
    checkpoint_seconds: int = 300
    seed: int = 0


class Trainer:
    """Owns model, optimiser and position; one process, one thread."""

    def __init__(
        self, prepared: Path, run: Path, config: LlamaConfig, options: TrainingOptions
    ) -> None:
        torch.manual_seed(options.seed)
        self._prepared, self._run, self._options = prepared, run, options
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = Llama(config).to(self._device, torch.bfloat16)
        self._optimizer = Optimizer(
            self._model, muon_rate=options.muon_rate, adam_rate=options.adam_rate
        )
        self._epoch = self._batch = self._step = self._tokens = 0
        run.mkdir(parents=True, exist_ok=True)

    def train(self) -> None:
        """Runs to the token budget, from the last checkpoint where there is one."""
        self._resume()
        started, saved, seen, losses = time.monotonic(), time.monotonic(), 0, []
        for batch in self._batches():
            losses.append(self._train_step(batch))
            seen += int((batch.weights >= 0).sum())
            if self._step % 50 == 0:
                rate = seen / (time.monotonic() - started)
                self._report(loss=sum(losses) / len(losses), tokens_per_second=round(rate))
                losses.clear()
            if time.monotonic() - saved > self._options.checkpoint_seconds:
                self._report(development=self.development_loss())
                self.save()
                saved = time.monotonic()
            if self._tokens >= self._options.token_budget:
                break
        self._report(development=self.development_loss())
        self.save()

    def _batches(self) -> Iterator[Batch]:
        while True:
            shards = sorted(self._prepared.glob("epoch-*.npz"), key=lambda p: int(p.stem[6:]))
            sequences = load_shard(shards[self._epoch % len(shards)])
            rng = np.random.default_rng((self._options.seed, self._epoch))
            drawn = self._bucketed(sequences, rng)
            for index, batch in enumerate(drawn):
                if index >= self._batch:
                    self._batch = index + 1
                    yield batch
            self._epoch, self._batch = self._epoch + 1, 0

    def _bucketed(self, sequences: Any, rng: np.random.Generator) -> Iterator[Batch]:
        return batches(
            sequences,
            rng,
            tokens=self._options.batch_tokens,
            question_weight=self._options.question_weight,
            short_first=self._options.short_first and self._epoch == 0,
        )

    def _train_step(self, batch: Batch) -> float:
        self._model.train()
        loss = self._loss(batch)
        loss.backward()
        self._optimizer.step(self._rate_scale())
        self._step += 1
        self._tokens += batch.inputs.numel()
        return float(loss.detach())

    def _rate_scale(self) -> float:
        left = 1 - self._tokens / self._options.token_budget
        decay = min(1.0, max(left, 0.0) / self._options.decay)
        return self._options.rate * decay * min(1.0, (self._step + 1) / self._options.warmup_steps)

    def _loss(self, batch: Batch) -> Tensor:
        """Weighted mean; hidden states without loss are not projected on the vocabulary."""
        weights = batch.weights.to(self._device)
        hidden = self._model(batch.inputs.to(self._device))
        chosen = weights > 0
        logits = self._model.logits(hidden[chosen]).float()
        losses = functional.cross_entropy(
            logits, batch.labels.to(self._device)[chosen], reduction="none"
        )
        return (losses * weights[chosen]).sum() / weights.sum()

    def development_loss(self) -> float:
        """Loss on the answers alone of the development shard."""
        self._model.eval()
        sequences = load_shard(self._prepared / "development.npz")
        rng = np.random.default_rng(0)
        total = weight = 0.0
        with torch.no_grad():
            for batch in batches(sequences, rng, tokens=6000, question_weight=0.0):
                size = float(batch.weights.sum())
                total += float(self._loss(batch)) * size
                weight += size
        return total / weight

    def _report(self, **figures: float) -> None:
        line = {"step": self._step, "epoch": self._epoch, "tokens": self._tokens, **figures}
        text = json.dumps(line)
        print(text, flush=True)
        with (self._run / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(text + "\n")

    def save(self) -> None:
        """Writes the checkpoint aside, then renames it over the last one."""
        state = {
            "config": asdict(self._model.config),
            "optimizer": self._optimizer.state(),
            "position": (self._epoch, self._batch, self._step, self._tokens),
        }
        aside = self._run / "checkpoint.pt.partial"
        torch.save(state, aside)
        aside.replace(self._run / "checkpoint.pt")

    def start_from(self, checkpoint: Path) -> None:
        """Take over the weights and the optimiser's state of another run, at step 0."""
        state = torch.load(checkpoint, map_location=self._device, weights_only=True)
        self._optimizer.load(state["optimizer"])

    def _resume(self) -> None:
        path = self._run / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self._device, weights_only=True)
        self._optimizer.load(state["optimizer"])
        self._epoch, self._batch, self._step, self._tokens = state["position"]
        self._report(resumed=1.0)
