"""The training loop: warm-up, constant rate, linear decay; checkpoints whole or not at all."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional

from squill.prompt.slots.vocabulary import MAX_COLUMNS, all_tokens, column_token
from squill_trainer.pretrain.batches import batches
from squill_trainer.pretrain.model import Llama, LlamaConfig
from squill_trainer.pretrain.optimizer import Optimizer
from squill_trainer.pretrain.shards import load_shard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from squill_trainer.pretrain.batches import Batch
    from squill_trainer.pretrain.shards import TokenSequence


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """``token_budget`` is the length of the whole run; ``decay`` the share of it that decays."""

    token_budget: int
    batch_tokens: int = 4000
    warmup_steps: int = 100
    decay: float = 0.4
    muon_rate: float = 0.01
    adam_rate: float = 2e-3
    muon: bool = True
    """Whether the matrices are Muon's; the rest is always AdamW's."""
    rate: float = 1.0
    """Share of both rates, below 1 to tune a trained model."""
    short_first: bool = True
    word_weight: float = 0.3
    role_weight: float = 0.3
    checkpoint_seconds: int = 150
    judged_every: int = 4
    """Checkpoints between two looks at unseen questions."""
    judged: int = 150
    """Unseen questions of each data set."""
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
            self._model,
            muon_rate=options.muon_rate,
            adam_rate=options.adam_rate,
            muon=options.muon,
        )
        self._epoch = self._batch = self._step = self._tokens = 0
        run.mkdir(parents=True, exist_ok=True)

    def train(self) -> None:
        """Runs to the token budget, from the last checkpoint where there is one."""
        self._resume()
        started, saved, seen, losses = time.monotonic(), time.monotonic(), 0, []
        saves = 0
        for batch in self._batches():
            losses.append(self._train_step(batch))
            seen += batch.inputs.numel()
            if self._step % 25 == 0:
                rate = seen / (time.monotonic() - started)
                self._report(loss=sum(losses) / len(losses), tokens_per_second=round(rate))
                losses.clear()
            if time.monotonic() - saved > self._options.checkpoint_seconds:
                self.save()
                saves += 1
                if saves % self._options.judged_every == 0:
                    self._report(**self.development())
                saved = time.monotonic()
            if self._tokens >= self._options.token_budget:
                break
        self._report(**self.development())
        self.save()

    def evaluate(self) -> dict[str, float]:
        """`development` of the last checkpoint."""
        self._resume()
        return self.development()

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
            word_weight=self._options.word_weight,
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
        """Over the answers' tokens; states without loss are not projected on the vocabulary."""
        weights = batch.weights.to(self._device)
        hidden = self._model(batch.inputs.to(self._device))
        chosen = weights > 0
        logits = self._model.logits(hidden[chosen]).float()
        losses = functional.cross_entropy(
            logits, batch.labels.to(self._device)[chosen], reduction="none"
        )
        names = batch.names.to(self._device)
        roles = functional.binary_cross_entropy_with_logits(
            self._model.roles(hidden[names]).float(),
            batch.roles.to(self._device)[names],
            reduction="sum",
        )
        total = (losses * weights[chosen]).sum() + self._options.role_weight * roles
        return total / (weights == 1.0).sum()

    def development(self) -> dict[str, float]:
        """Of unseen questions by data set: loss on the answer, the column slots and the whole
        answers that are right where each token is predicted after the right ones.
        """
        self._model.eval()
        figures: dict[str, float] = {}
        for path in sorted(self._prepared.glob("development-*.npz")):
            loss, columns, exact = self._judged(load_shard(path)[: self._options.judged])
            name = path.stem.removeprefix("development-")
            figures |= {name: loss, f"{name}_columns": columns, f"{name}_exact": exact}
        return figures

    def _judged(self, sequences: Sequence[TokenSequence]) -> tuple[float, float, float]:
        first = all_tokens().index(column_token(1))
        losses, columns, exact = [], [], []
        drawn = batches(sequences, np.random.default_rng(0), tokens=6000, word_weight=0.0)
        with torch.no_grad():
            for batch in drawn:
                answer, labels = batch.weights > 0, batch.labels
                logits = self._model.logits(self._model(batch.inputs.to(self._device)))
                logits = logits.float().cpu()
                losses.append(
                    functional.cross_entropy(logits[answer], labels[answer], reduction="none")
                )
                hits = logits.argmax(-1) == labels
                is_column = answer & (labels >= first) & (labels < first + MAX_COLUMNS)
                columns.append(hits[is_column].float())
                exact.append((hits | ~answer).all(dim=1).float())
        loss, right, whole = (float(torch.cat(f).mean()) for f in (losses, columns, exact))
        return round(loss, 4), round(right, 4), round(whole, 4)

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

    def start_from(self, folder: Path) -> None:
        """Take over the weights of an exported model."""
        weights = load_file(folder / "model.safetensors")
        self._optimizer.start_from({n.removeprefix("model."): w for n, w in weights.items()})

    def _resume(self) -> None:
        path = self._run / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self._device, weights_only=True)
        self._optimizer.load(state["optimizer"])
        self._epoch, self._batch, self._step, self._tokens = state["position"]
        self._report(resumed=1.0)
