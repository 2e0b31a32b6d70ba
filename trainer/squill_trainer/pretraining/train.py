"""Trains SmolLM2 on the corpus: one leg from warm-up to the end of its decay, resumable.

A leg is measured in seconds of training, so that it ends on time on a machine whose speed is not
known beforehand; the next leg starts from the weights that it leaves.
"""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch.nn import functional

from squill_trainer.pretraining.corpus import one_pass
from squill_trainer.pretraining.network import Network, Shape
from squill_trainer.pretraining.packing import batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from squill_trainer.pretraining.corpus import Database, Source
    from squill_trainer.pretraining.network import Packed


@dataclass(frozen=True, slots=True)
class Options:
    """``seconds`` is the length of the leg; ``decay`` the share of it in which the rate falls."""

    seconds: float
    rate: float = 2e-4
    warmup_steps: int = 40
    decay: float = 0.6
    batch_tokens: int = 2400
    frozen_layers: int = 8
    checkpoint_seconds: float = 480
    seed: int = 0


class Trainer:
    """Owns network, optimiser and position; one process, one thread."""

    def __init__(self, start: Path, run: Path, options: Options) -> None:
        torch.manual_seed(options.seed)
        self._start, self._run, self._options = start, run, options
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._config = json.loads((start / "config.json").read_text(encoding="utf-8"))
        self._tokenizer = Tokenizer.from_file(str(start / "tokenizer.json"))
        self._network = Network(Shape.of(self._config), options.frozen_layers)
        weights = load_file(start / "model.safetensors")
        self._network.load_state_dict({n.removeprefix("model."): w for n, w in weights.items()})
        self._network.to(self._device)
        trained = [p for p in self._network.parameters() if p.requires_grad]
        self._optimizer = torch.optim.AdamW(
            trained, lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self._parameters = trained
        self._pass = self._read = self._step = self._tokens = 0
        self._spent = 0.0
        run.mkdir(parents=True, exist_ok=True)

    def train(self, sources: Sequence[tuple[Source, list[Database]]]) -> None:
        """Runs to the end of the leg, from the last checkpoint where there is one."""
        self._resume()
        losses: list[float] = []
        saved = clock = time.monotonic()
        for batch in self._batches(sources):
            losses.append(self._train_step(batch.to(self._device)))
            now = time.monotonic()
            # A pause of the process is no training.
            self._spent += min(now - clock, 180.0)
            clock = now
            if self._step % 5 == 0 or self._step < 4:
                self._report(loss=round(sum(losses) / len(losses), 4), rate=self._rate())
                losses.clear()
            if now - saved > self._options.checkpoint_seconds:
                self.save()
                saved = now
            if self._spent >= self._options.seconds:
                break
        self.save()
        self.export(self._run / "model")

    def _batches(self, sources: Sequence[tuple[Source, list[Database]]]) -> Iterator[Packed]:
        while True:
            texts = one_pass(sources, seed=self._options.seed * 1000 + self._pass)
            already = self._read
            for _ in range(already):
                next(texts, None)
            for count, batch in batches(texts, self._tokenizer, self._options.batch_tokens):
                self._read = already + count
                yield batch
            self._pass, self._read = self._pass + 1, 0

    def _train_step(self, batch: Packed) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        with self._precision():
            logits = self._network(batch)
        losses = functional.cross_entropy(logits.float(), batch.labels, reduction="none")
        loss = (losses * batch.weights).sum() / batch.weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._step += 1
        self._tokens += len(batch.tokens)
        return float(loss.detach())

    def _precision(self) -> AbstractContextManager[Any]:
        """bfloat16 where the processor multiplies it quickly, else float32."""
        if self._device.type == "cuda" or torch.cpu._is_avx512_bf16_supported():
            cast: AbstractContextManager[Any] = torch.autocast(self._device.type, torch.bfloat16)
            return cast
        return nullcontext()

    def _rate(self) -> float:
        left = max(0.0, 1 - self._spent / self._options.seconds) / self._options.decay
        warm = (self._step + 1) / self._options.warmup_steps
        return self._options.rate * max(0.02, min(1.0, left, warm))

    def _report(self, **figures: float) -> None:
        line = {
            "step": self._step,
            "pass": self._pass,
            "sequences": self._read,
            "tokens": self._tokens,
            "seconds": round(self._spent),
            **figures,
        }
        text = json.dumps(line)
        print(text, flush=True)
        with (self._run / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(text + "\n")

    def save(self) -> None:
        """Writes the checkpoint aside, then renames it over the last one."""
        state = {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "position": (self._pass, self._read, self._step, self._tokens, self._spent),
        }
        aside = self._run / "checkpoint.pt.partial"
        torch.save(state, aside)
        aside.replace(self._run / "checkpoint.pt")

    def export(self, folder: Path) -> None:
        """The weights as a folder like the one that the leg started from (float32)."""
        folder.mkdir(exist_ok=True)
        weights = {
            f"model.{name}": value.cpu().contiguous()
            for name, value in self._network.state_dict().items()
        }
        save_file(weights, folder / "model.safetensors.partial", metadata={"format": "pt"})
        (folder / "model.safetensors.partial").replace(folder / "model.safetensors")
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((self._start / name).read_bytes())

    def _resume(self) -> None:
        path = self._run / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self._device, weights_only=True)
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._pass, self._read, self._step, self._tokens, self._spent = state["position"]
        self._report(resumed=1.0)
