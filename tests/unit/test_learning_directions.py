"""What an adapter looks at: the new texts, and as little as may be of all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np
import pytest

from squill_trainer.base_model import load_base
from squill_trainer.learning.batches import groups
from squill_trainer.learning.directions import (
    covariances,
    distinctive,
    distinctive_tokens,
    low_rank_layers,
)
from squill_trainer.learning.examples import TokenSequence
from squill_trainer.learning.lora import (
    LoraSettings,
    LoraTraining,
    OptimizerSettings,
)
from squill_trainer.learning.shared_prefix import counted_logits
from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

    from squill_trainer.learning.batches import Group

STEPS = 12
KEYS = ("self_attn.q_proj", "mlp.up_proj")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def training(folder: Path) -> LoraTraining:
    settings = LoraSettings(rank=2, scale=2.0, keys=KEYS)
    return LoraTraining(
        load_base(str(folder)).model, settings, OptimizerSettings(STEPS, 1e-2, warmup=2)
    )


def texts(*first: int) -> list[Group]:
    """All of other tokens than those that begin with another number."""
    sequences = [TokenSequence((one, one + 1, one + 2, one + 3, one + 4, 0), 3) for one in first]
    return groups(sequences, longest=100, most_tokens=100)


NEW, GENERAL = texts(10, 16), texts(30, 40, 50, 60, 70)


def test_directions_are_those_that_only_the_new_inputs_vary_in() -> None:
    new, general = np.diag([1.0, 1.0, 4.0]), np.diag([8.0, 1.0, 0.01])
    (first, second, third) = np.abs(distinctive(new, general, 1)[:, 0])
    assert third > 0
    assert first == pytest.approx(0)
    assert second == pytest.approx(0)


def test_the_new_inputs_spread_alike_along_each_direction() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(50, 6)) * [1, 2, 3, 4, 5, 6]
    found = distinctive(inputs.T @ inputs / 50, np.eye(6), 3)
    assert np.sqrt(((inputs @ found) ** 2).mean(axis=0)) == pytest.approx(0.6)


def test_covariances_are_those_of_the_layers_inputs_and_leave_the_model_as_it_was(
    folder: Path,
) -> None:
    own = training(folder)
    before = counted_logits(own.model, NEW[0])
    layers = low_rank_layers(own.model)
    assert len(layers) == 2 * len(KEYS)
    found = covariances(own.model, NEW)
    assert low_rank_layers(own.model).keys() == layers.keys() == found.keys()
    assert mx.array_equal(counted_logits(own.model, NEW[0]), before).item()
    first = own.model.model
    read = first.layers[0].input_layernorm(first.embed_tokens(NEW[0].rows)).reshape(-1, 32)
    wanted = np.array(read.T @ read) / len(read)
    assert found["model.layers.0.self_attn.q_proj"] == pytest.approx(wanted, abs=1e-5)


def test_a_focused_training_changes_what_is_new_far_more_than_the_rest(folder: Path) -> None:
    def changes(*, focused: bool) -> tuple[float, float]:
        own = training(folder)
        before = [counted_logits(own.model, some[0]) for some in (NEW, GENERAL)]
        if focused:
            own.focus(NEW, GENERAL)
        list(own.train([NEW] * STEPS))
        after = [counted_logits(own.model, some[0]) for some in (NEW, GENERAL)]
        new, rest = (mx.abs(a - b).mean().item() for a, b in zip(after, before, strict=True))
        return new, rest

    new, rest = changes(focused=True)
    unfocused_new, unfocused_rest = changes(focused=False)
    assert rest / new < unfocused_rest / unfocused_new / 2


def test_the_directions_of_an_embedding_are_the_tokens_of_the_new_texts_alone() -> None:
    with_a_general_one = texts(10, 11, 30)
    found = distinctive_tokens(with_a_general_one, GENERAL, 80, 4)
    assert found.shape == (80, 4)
    # 11 to 14 are in two of the texts, 10 and 15 in one; 30 to 34 are in general ones as well.
    assert sorted(found.argmax(axis=0).tolist()) == [11, 12, 13, 14]
    assert (found != 0).sum() == 4


def test_an_embedding_changes_for_its_tokens_alone(folder: Path) -> None:
    settings = LoraSettings(rank=4, scale=2.0, keys=("model.embed_tokens",))
    own = LoraTraining(
        load_base(str(folder)).model, settings, OptimizerSettings(STEPS, 1e-2, warmup=2)
    )
    embed = own.model.model.embed_tokens
    before = embed(mx.arange(80))
    own.focus(texts(10, 11), GENERAL)
    list(own.train([texts(10, 11)] * STEPS))
    changed = mx.abs(embed(mx.arange(80)) - before).max(axis=1) > 1e-6
    assert [i for i, moved in enumerate(changed.tolist()) if moved] == [11, 12, 13, 14]


def test_the_directions_are_kept_and_saved(folder: Path, tmp_path: Path) -> None:
    own = training(folder)
    numbers = own.parameters
    own.focus(NEW, GENERAL)
    assert 0 < own.parameters < numbers
    first = own.weights
    list(own.train([NEW] * STEPS))
    name = "model.layers.0.mlp.up_proj.lora_"
    assert mx.array_equal(own.weights[f"{name}a"], first[f"{name}a"]).item()
    assert not mx.array_equal(own.weights[f"{name}b"], first[f"{name}b"]).item()
    own.save_adapter(tmp_path)
    assert mx.load(str(tmp_path / "adapters.safetensors")).keys() == first.keys()
