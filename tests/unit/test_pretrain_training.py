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

torch.set_num_threads(1)  # more are slower at this size

TINY = LlamaConfig(
    vocab_size=16,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=2,
)


def copies(count: int) -> list[TokenSequence]:
    """Sequences whose answer repeats the prompt's first token, as does the label of its word."""
    rng = np.random.default_rng(0)
    first = rng.integers(3, 16, count)
    return [
        TokenSequence(np.array([t, 1, 2, 2, t, 0]), np.array([0, t, t % 2, 0, 0, 0]), 1, 2, 4)
        for t in first
    ]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    save_shard(tmp_path / "epoch-0.npz", copies(400))
    save_shard(tmp_path / "development-copies.npz", copies(40))
    return tmp_path


def options(tokens: int) -> TrainingOptions:
    return TrainingOptions(token_budget=tokens, batch_tokens=64, warmup_steps=5)


def test_a_model_learns_to_copy(prepared: Path) -> None:
    trainer = Trainer(prepared, prepared / "run", TINY, options(12_000))
    before = trainer.development()
    trainer.train()
    after = trainer.development()
    assert after["copies"] < before["copies"] / 4
    assert after["copies_exact"] > 0.9


def test_a_seed_gives_the_same_model(prepared: Path) -> None:
    for run in ("one", "two"):
        Trainer(prepared, prepared / run, TINY, options(2_000)).train()
    first, second = (
        torch.load(prepared / run / "checkpoint.pt")["optimizer"]["masters"]
        for run in ("one", "two")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_training_goes_on_from_its_checkpoint(prepared: Path) -> None:
    run = prepared / "run"
    Trainer(prepared, run, TINY, options(2_000)).train()
    Trainer(prepared, run, TINY, options(4_000)).train()
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    resumed = next(line for line in lines if "resumed" in line)
    assert resumed["tokens"] >= 2_000
    assert lines[-1]["tokens"] >= 4_000
