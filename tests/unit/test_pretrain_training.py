# ruff: noqa: E402 (the skip comes before what would fail to import)
"""The training loop itself, where PyTorch is installed."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is an optional extra (squill[pretrain])")

from typing import TYPE_CHECKING

from squill_trainer.pretrain.model import LlamaConfig
from squill_trainer.pretrain.shards import TokenSequence, save_shard
from squill_trainer.pretrain.train import Trainer, TrainingOptions

if TYPE_CHECKING:
    from pathlib import Path

TINY = LlamaConfig(
    vocab_size=16,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=2,
)


def copies(count: int) -> list[TokenSequence]:
    """Sequences whose answer repeats the prompt's first token."""
    rng = np.random.default_rng(0)
    first = rng.integers(3, 16, count)
    return [TokenSequence(np.array([t, 1, 2, t, 0]), 1, 3) for t in first]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    save_shard(tmp_path / "epoch-0.npz", copies(400))
    save_shard(tmp_path / "development.npz", copies(40))
    return tmp_path


def options(tokens: int) -> TrainingOptions:
    return TrainingOptions(token_budget=tokens, batch_tokens=64, warmup_steps=5)


def test_a_model_learns_to_copy(prepared: Path) -> None:
    trainer = Trainer(prepared, prepared / "run", TINY, options(12_000))
    before = trainer.development_loss()
    trainer.train()
    assert trainer.development_loss() < before / 4


def test_training_goes_on_from_its_checkpoint(prepared: Path) -> None:
    run = prepared / "run"
    Trainer(prepared, run, TINY, options(2_000)).train()
    Trainer(prepared, run, TINY, options(4_000)).train()
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    resumed = next(line for line in lines if "resumed" in line)
    assert resumed["tokens"] >= 2_000
    assert lines[-1]["tokens"] >= 4_000
