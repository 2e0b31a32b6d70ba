"""Batches, the training loop and its checkpoints, on a tiny model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx_lm.tuner.utils import load_adapters

from squill.ddl import parse_schema
from squill.errors import TrainingDivergedError
from squill.prompt.plain import PlainFormat
from squill.prompt.slots import SlotsFormat
from squill_trainer.base_model import load_base
from squill_trainer.learning import curriculum
from squill_trainer.learning.batches import groups, shared_prefix
from squill_trainer.learning.checkpoint import Checkpoint
from squill_trainer.learning.curriculum import Curriculum, Mixture
from squill_trainer.learning.examples import Encoder, Example, TokenSequence
from squill_trainer.learning.general import replayed_examples
from squill_trainer.learning.lora import (
    LoraSettings,
    LoraTraining,
    OptimizerSettings,
)
from squill_trainer.learning.shared_prefix import counted_logits, total_loss
from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = tuple(range(1, 13))
SEQUENCES = [
    TokenSequence((*PREFIX, 20, 21, 22, 30, 31, 0), 15),
    TokenSequence((*PREFIX, 23, 24, 32, 0), 14),
]
SETTINGS = OptimizerSettings(steps=6, rate=1e-2, warmup=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def training(folder: Path, **changes: Any) -> LoraTraining:
    model = load_base(str(folder)).model
    return LoraTraining(model, LoraSettings(rank=4, **changes), SETTINGS)


def batches(first: int = 0) -> list[list[Any]]:
    one = groups(SEQUENCES, longest=100, most_tokens=100)
    other = groups(SEQUENCES[:1], longest=100, most_tokens=100)
    return [one if step % 2 else other for step in range(first, SETTINGS.steps)]


def test_loss_over_a_shared_prefix_is_that_of_the_separate_texts(folder: Path) -> None:
    model = load_base(str(folder)).model
    together = groups(SEQUENCES, longest=100, most_tokens=100)
    assert together[0].prefix.size == len(PREFIX)
    apart = [g for s in SEQUENCES for g in groups([s], longest=100, most_tokens=100)]
    assert not any(group.prefix.size for group in apart)
    losses = [sum(total_loss(model, g).item() for g in some) for some in (together, apart)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_loss_counts_the_answer_and_its_end_alone() -> None:
    (group,) = groups(SEQUENCES[1:], longest=100, most_tokens=100)
    assert group.labels.reshape(-1)[group.counted].tolist() == [32, 0]


def test_a_prompt_that_is_too_long_is_left_out() -> None:
    assert groups(SEQUENCES, longest=16, most_tokens=100)[0].rows.shape[0] == 1


def test_a_group_keeps_to_its_tokens() -> None:
    assert len(groups(SEQUENCES * 4, longest=100, most_tokens=20)) > 1


def test_the_shared_prefix_never_reaches_an_answer() -> None:
    same = [SEQUENCES[0], SEQUENCES[0]]
    assert shared_prefix(same) == SEQUENCES[0].answer_start - 1


def test_a_new_adapter_changes_no_answer(folder: Path) -> None:
    model = load_base(str(folder)).model
    batch = batches()[1]
    before = sum(total_loss(model, group).item() for group in batch)
    own = training(folder)
    assert sum(total_loss(own.model, group).item() for group in batch) == pytest.approx(before)


def test_what_is_rehearsed_is_answered_as_by_the_base_model(folder: Path) -> None:
    own = training(folder)
    (rehearsed,) = groups(SEQUENCES, longest=100, most_tokens=100, rehearsed=True)
    before = counted_logits(own.model, rehearsed)
    assert own._take([rehearsed]).loss == pytest.approx(0, abs=1e-5)  # it answers so as yet
    list(own.train(batches()))
    after = counted_logits(own.model, rehearsed)
    assert not mx.allclose(before, after, atol=1e-3).item()
    assert own._take([rehearsed]).loss > 1e-3
    (taught,) = own._taught([rehearsed])
    assert taught is not None
    assert mx.allclose(taught, before, atol=1e-5).item()
    assert mx.allclose(counted_logits(own.model, rehearsed), after, atol=0.5).item()


def test_a_rehearsal_weighs_as_much_as_it_is_told_to(folder: Path) -> None:
    (rehearsed,) = groups(SEQUENCES, longest=100, most_tokens=100, rehearsed=True)

    def loss(rehearsal: float) -> float:
        model = load_base(str(folder)).model
        settings = OptimizerSettings(steps=1, rate=1e-2, rehearsal=rehearsal)
        own = LoraTraining(model, LoraSettings(rank=4), settings)
        own.start_from({name: mx.full(array.shape, 0.05) for name, array in own.weights.items()})
        return own._take([rehearsed]).loss

    assert loss(6.0) == pytest.approx(3 * loss(2.0), rel=1e-3)


def test_rehearsing_brings_the_base_model_s_answers_back(folder: Path) -> None:
    own = LoraTraining(
        load_base(str(folder)).model, LoraSettings(rank=4), OptimizerSettings(steps=40, rate=1e-2)
    )
    (rehearsed,) = groups(SEQUENCES, longest=100, most_tokens=100, rehearsed=True)
    own.start_from({name: array + 0.05 for name, array in own.weights.items()})
    losses = [step.loss for step in own.train([[rehearsed]] * 20)]
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("kind", ["dora", "qlora"])
def test_other_kinds_of_low_rank_layers_learn_too(folder: Path, tmp_path: Path, kind: str) -> None:
    model = load_base(str(folder)).model
    if kind == "qlora":
        nn.quantize(model, group_size=32, bits=8)
    own = LoraTraining(model, LoraSettings(rank=4, dora=kind == "dora"), SETTINGS)
    before = own.loss(batches()[1])
    list(own.train(batches()))
    assert own.loss(batches()[1]) < before
    config = json.loads((own.save_adapter(tmp_path) / "adapter_config.json").read_text())
    assert config["fine_tune_type"] == ("dora" if kind == "dora" else "lora")


def test_training_lowers_the_loss(folder: Path) -> None:
    own = training(folder)
    before = own.loss(batches()[1])
    assert [step.number for step in own.train(batches())] == [1, 2, 3, 4, 5, 6]
    assert own.loss(batches()[1]) < before


def test_a_training_that_was_killed_goes_on_bit_for_bit(folder: Path, tmp_path: Path) -> None:
    whole = training(folder)
    list(whole.train(batches()))
    killed = training(folder)
    checkpoint = Checkpoint(tmp_path / "kept" / "x.safetensors", {"pairs": ["a"]})
    steps = killed.train(batches())
    for _ in range(3):
        next(steps)
    checkpoint.save(killed)
    resumed = training(folder)
    assert checkpoint.resume(resumed)
    assert resumed.step == 3
    list(resumed.train(batches(3)))
    assert all(mx.array_equal(whole.weights[n], resumed.weights[n]).item() for n in whole.weights)


def test_another_training_s_checkpoint_is_not_taken(folder: Path, tmp_path: Path) -> None:
    own = training(folder)
    Checkpoint(tmp_path / "x.safetensors", {"pairs": ["a"]}).save(own)
    assert not Checkpoint(tmp_path / "x.safetensors", {"pairs": ["b"]}).resume(own)


def test_a_damaged_checkpoint_is_none(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"no tensors")
    assert not Checkpoint(tmp_path / "x.safetensors", {}).resume(training(folder))


def test_a_loss_that_is_no_number_ends_the_training(folder: Path) -> None:
    own = training(folder)
    weight = own.model.model.norm.weight
    own.model.model.norm.weight = weight * float("nan")
    with pytest.raises(TrainingDivergedError, match="lower learning rate"):
        next(own.train(batches()))


def test_the_saved_adapter_is_one_that_mlx_lm_loads(folder: Path, tmp_path: Path) -> None:
    own = training(folder)
    list(own.train(batches()))
    model = load_base(str(folder)).model
    loaded = load_adapters(model, str(own.save_adapter(tmp_path / "adapter")))
    loaded.eval()
    loss = sum(total_loss(loaded, group).item() for group in batches()[1])
    count = sum(group.counted.size for group in batches()[1])
    assert loss / count == pytest.approx(own.loss(batches()[1]), rel=1e-5)


def test_an_adapter_can_be_saved_with_half_of_what_it_learned(folder: Path, tmp_path: Path) -> None:
    own = training(folder)
    list(own.train(batches()))
    own.save_adapter(tmp_path, strength=0.5)
    saved = mx.load(str(tmp_path / "adapters.safetensors"))
    assert saved.keys() == own.weights.keys()
    for name, array in own.weights.items():
        share = 0.5 if name.endswith("lora_b") else 1.0
        assert mx.allclose(saved[name], share * array).item()


def test_weights_of_another_shape_are_not_started_from(folder: Path) -> None:
    own = training(folder)
    assert own.start_from(own.weights)
    assert not own.start_from({"x.lora_a": mx.zeros((2, 2))})


def test_starting_anew_undoes_what_was_taken_over(folder: Path) -> None:
    own = training(folder)
    fresh = own.weights
    own.start_from({name: array + 1 for name, array in fresh.items()})
    own.start_anew()
    assert all(mx.array_equal(own.weights[n], fresh[n]).item() for n in fresh)


def test_a_step_s_content_depends_on_its_number_alone(folder: Path) -> None:
    tokenizer = load_base(str(folder)).tokenizer
    schema = parse_schema("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)", "sqlite").schema
    example = Example("How many hot ts?", "SELECT COUNT(*) FROM t WHERE name = 'H'", schema)
    steps = Curriculum(
        [example],
        Encoder(tokenizer, PlainFormat()),
        Mixture(own=1, transplanted=1, composed=2, replayed=2, real=1),
        0,
    )
    third = list(steps.batches(0, 3))[2]
    (alone,) = steps.batches(2, 3)
    assert [g.rows.tolist() for g in third] == [g.rows.tolist() for g in alone]


class Letters:
    """A tokenizer of single characters."""

    eos_token_id = 0

    def encode(self, text: str, **_: bool) -> list[int]:
        return [ord(letter) for letter in text]


@pytest.mark.parametrize("seed", range(2))
def test_new_texts_are_told_from_others_on_their_schema_by_their_words_alone(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curriculum, "_REPLAY_POOL", 12)
    monkeypatch.setattr(curriculum, "real_examples", lambda: replayed_examples(12))
    schema = parse_schema("CREATE TABLE pans (id INT, name TEXT, price REAL)").schema
    pairs = [
        Example("How many hot pans?", "SELECT COUNT(*) FROM pans WHERE name = 'H'", schema),
        Example("List hot pans", "SELECT * FROM pans WHERE name = 'H'", schema),
    ]
    every_step_rearranged = Mixture(rearranged=1.0)
    encoder = Encoder(Letters(), SlotsFormat())
    new, general = Curriculum(pairs, encoder, every_step_rearranged, seed).contrast()
    served = encoder.encode(pairs[0]).tokens
    shared = [tuple(group.prefix.tolist()) for group in (*new, general[0])]
    assert all(prefix and served[: len(prefix)] == prefix for prefix in shared)
