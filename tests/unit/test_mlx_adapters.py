"""Adapters beside one base model: as mlx-lm's own loading, and the base as if never touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.tuner.utils import load_adapters
from mlx_lm.utils import dequantize_model, load_model, quantize_model, save_model

from squill.adapters import CONFIG, WEIGHTS, AdapterCard, AdapterRegistry, adapter_digest
from squill.errors import AdapterError
from squill_daemon import mlx_adapters
from squill_daemon.mlx_adapters import AdapterSwitch, ResidentAdapters, load_adapter
from tiny_adapter import make_tiny_adapter
from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASE = "b" * 64
FORMAT = "plain-1"
PROMPT = [1, 5, 9, 2, 40, 77, 13]
EMBEDDING = "model.embed_tokens"


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def quantised_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quantised")
    model, config = load_model(model_folder)
    model, config = quantize_model(model, config, group_size=32, bits=4)
    save_model(folder, model)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def opened(folder: Path, *, float32: bool = True) -> Any:
    """The model as the daemon serves it: float32 on a CPU."""
    model, _ = load_model(folder)
    if float32:
        dequantize_model(model).set_dtype(mx.float32)
    mx.eval(model.parameters())
    return model


def logits(model: Any) -> mx.array:
    output: mx.array = model(mx.array([PROMPT]))
    mx.eval(output)
    return output


def greedy(model: Any, count: int = 12) -> list[int]:
    tokens = list(PROMPT)
    for _ in range(count):
        tokens.append(int(mx.argmax(model(mx.array([tokens]))[0, -1]).item()))
    return tokens[len(PROMPT) :]


def same(one: mx.array, other: mx.array) -> bool:
    return bool(mx.array_equal(one, other).item())


def close(one: mx.array, other: mx.array, tolerance: float = 2e-4) -> bool:
    one, other = one.astype(mx.float32), other.astype(mx.float32)
    return bool(mx.allclose(one, other, rtol=tolerance, atol=tolerance).item())


def card_of(folder: Path, **fields: Any) -> AdapterCard:
    given = {"base": BASE, "prompt_format": FORMAT, "created": "2026-01-01T00:00:00+00:00"}
    return AdapterCard(digest=adapter_digest(folder), **(given | fields))


def load(
    model: Any, folder: Path, *, fused_bytes: int = 0, **fields: Any
) -> mlx_adapters.LoadedAdapter:
    card = card_of(folder, **fields)
    return load_adapter(model, folder, card, BASE, FORMAT, fused_bytes=fused_bytes)


def expected(model_folder: Path, adapter: Path, *, float32: bool = True) -> Any:
    """The model as mlx-lm itself loads it with the adapter."""
    model = load_adapters(opened(model_folder, float32=float32), str(adapter))
    model.eval()
    return model


CASES = {
    "lora": {},
    "lora of the last layer": {"num_layers": 1},
    "lora of chosen projections": {"keys": ["self_attn.q_proj", "self_attn.v_proj"], "rank": 3},
    "lora of the tied embedding": {"keys": [EMBEDDING], "rank": 2},
    "lora in half precision": {"dtype": mx.float16},
    "lora in bfloat16": {"dtype": mx.bfloat16},
    "dora": {"kind": "dora"},
    "dora of the tied embedding": {"kind": "dora", "keys": [EMBEDDING]},
}


@pytest.mark.parametrize("fused_bytes", [0, 1 << 20], ids=["wrapping", "fused"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_an_adapter_gives_what_mlx_lm_gives_with_it(tmp_path, model_folder, case, fused_bytes):
    adapter = make_tiny_adapter(model_folder, tmp_path / "a", **case)
    wanted, model = expected(model_folder, adapter), opened(model_folder)
    before = logits(model)
    switch = AdapterSwitch(model)
    switch.select(load(model, adapter, fused_bytes=fused_bytes))
    assert close(logits(model), logits(wanted))
    assert greedy(model) == greedy(wanted)
    assert not close(logits(model), before)


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_an_adapter_of_a_quantised_model_gives_what_mlx_lm_gives(tmp_path, quantised_folder, kind):
    adapter = make_tiny_adapter(quantised_folder, tmp_path / "a", kind=kind)
    wanted = expected(quantised_folder, adapter, float32=False)
    model = opened(quantised_folder, float32=False)
    assert any(isinstance(m, nn.QuantizedLinear) for m in model.modules())
    before = logits(model)
    switch = AdapterSwitch(model)
    switch.select(load(model, adapter))
    if kind == "lora":
        assert same(logits(model), logits(wanted))
    else:  # float16 rounds the fused weights where mlx-lm rounds the sum
        assert close(logits(model), logits(wanted), 5e-2)
    assert greedy(model, 4) == greedy(wanted, 4)
    switch.select(None)
    assert same(logits(model), before)


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_after_switching_back_the_base_is_bit_equal_and_holds_the_same_modules(
    tmp_path, model_folder, kind
):
    model = opened(model_folder)
    modules, before = dict(model.named_modules()), logits(model)
    loaded = load(model, make_tiny_adapter(model_folder, tmp_path / "a", kind=kind))
    assert same(logits(model), before)  # loading alone changes nothing
    switch = AdapterSwitch(model)
    switch.select(loaded)
    switch.select(loaded)
    assert switch.selected is loaded
    switch.select(None)
    assert switch.selected is None
    assert same(logits(model), before)
    after = dict(model.named_modules())
    assert after.keys() == modules.keys()
    assert all(after[path] is modules[path] for path in modules)


def test_adapters_of_different_ranks_and_layers_alternate(tmp_path, model_folder):
    cases = [{"rank": 2, "num_layers": 1}, {"rank": 8, "seed": 7}, {"kind": "dora", "seed": 8}]
    folders = [make_tiny_adapter(model_folder, tmp_path / f"{i}", **c) for i, c in enumerate(cases)]
    model = opened(model_folder)
    switch, before = AdapterSwitch(model), logits(model)
    loaded = [load(model, folder) for folder in folders]
    wanted = [logits(expected(model_folder, folder)) for folder in folders]
    first: dict[int, mx.array] = {}
    for i in (0, 1, 2, 1, 0, 2, 0):
        switch.select(loaded[i])
        assert close(logits(model), wanted[i])
        assert same(first.setdefault(i, logits(model)), logits(model))
    switch.select(None)
    assert same(logits(model), before)


def test_dropout_is_off(tmp_path, model_folder):
    model = opened(model_folder)
    AdapterSwitch(model).select(load(model, make_tiny_adapter(model_folder, tmp_path / "a")))
    assert same(logits(model), logits(model))
    assert not any(module.training for module in model.modules())


def test_an_adapter_shares_the_base_weights_and_counts_only_its_own(tmp_path, model_folder):
    model = opened(model_folder)
    base = {id(array) for _, array in tree_flatten(model.parameters())}
    adapter = make_tiny_adapter(model_folder, tmp_path / "a", dtype=mx.float16)
    loaded = load(model, adapter)
    own = 0
    for module in loaded.modules.values():
        for _, array in tree_flatten(module.parameters()):
            own += 0 if id(array) in base else array.nbytes
    assert loaded.nbytes == own
    held = mx.load(str(adapter / WEIGHTS))
    assert own == 2 * sum(array.nbytes for array in held.values())  # float32 from float16


def test_a_small_lora_beside_a_float32_base_is_fused(tmp_path, model_folder):
    model = opened(model_folder)
    adapter = make_tiny_adapter(model_folder, tmp_path / "a")
    limit = load(model, adapter, fused_bytes=1 << 20).nbytes
    fused = load(model, adapter, fused_bytes=limit)
    assert all(type(module) is nn.Linear for module in fused.modules.values())
    larger = load(model, adapter, fused_bytes=limit - 1)
    assert all("lora_a" in module for module in larger.modules.values())
    half = load(opened(model_folder, float32=False), adapter, fused_bytes=1 << 20)
    assert all("lora_a" in module for module in half.modules.values())


def test_half_precision_stays_half_precision_beside_a_half_precision_base(tmp_path, model_folder):
    model = opened(model_folder, float32=False)
    switch = AdapterSwitch(model)
    for kind in ("lora", "dora"):
        switch.select(None)
        switch.select(load(model, make_tiny_adapter(model_folder, tmp_path / kind, kind=kind)))
        assert logits(model).dtype == mx.float16


# What is refused


def rewrite(folder: Path, change: Callable[[dict[str, mx.array]], None]) -> None:
    weights: dict[str, mx.array] = dict(mx.load(str(folder / WEIGHTS)))  # type: ignore[arg-type]
    mx.eval(weights)
    change(weights)
    mx.save_safetensors(str(folder / WEIGHTS), weights)


def configure(folder: Path, **changes: Any) -> None:
    path = folder / CONFIG
    config = json.loads(path.read_text(encoding="utf-8"))
    for name, value in changes.items():
        where = (
            config["lora_parameters"] if name in ("rank", "scale", "dropout", "keys") else config
        )
        where[name] = value
    path.write_text(json.dumps(config), encoding="utf-8")


def first_of(weights: dict[str, mx.array], leaf: str) -> str:
    return next(name for name in sorted(weights) if name.endswith(leaf))


def _foreign_name(weights: dict[str, mx.array]) -> None:
    weights["model.layers.0.self_attn.q_proj.weight"] = mx.zeros((32, 32))


def _no_partner(weights: dict[str, mx.array]) -> None:
    del weights[first_of(weights, "lora_a")]


def _other_rank(weights: dict[str, mx.array]) -> None:
    name = first_of(weights, "lora_a")
    weights[name] = mx.ones((weights[name].shape[0], 5))


def _other_width(weights: dict[str, mx.array]) -> None:
    name = first_of(weights, "lora_a")
    weights[name] = mx.ones((31, weights[name].shape[1]))


def _unknown_module(weights: dict[str, mx.array]) -> None:
    for leaf in ("lora_a", "lora_b"):
        weights[f"model.layers.9.self_attn.q_proj.{leaf}"] = mx.ones((4, 4))


def _one_module_less(weights: dict[str, mx.array]) -> None:
    module = first_of(weights, "lora_a").removesuffix("lora_a")
    del weights[f"{module}lora_a"], weights[f"{module}lora_b"]


def _holding(value: float) -> Callable[[dict[str, mx.array]], None]:
    def change(weights: dict[str, mx.array]) -> None:
        array = np.array(weights[first_of(weights, "lora_b")])
        array[0, 0] = value
        weights[first_of(weights, "lora_b")] = mx.array(array)

    return change


def _unmoved(weights: dict[str, mx.array]) -> None:
    for name in weights:
        if name.endswith("lora_b"):
            weights[name] = -mx.zeros_like(weights[name])


def _empty(weights: dict[str, mx.array]) -> None:
    weights.clear()


def _integers(weights: dict[str, mx.array]) -> None:
    name = first_of(weights, "lora_a")
    weights[name] = mx.ones(weights[name].shape, mx.int32)


REFUSED_WEIGHTS = {
    "is no adapter's tensor": _foreign_name,
    "has lora_b": _no_partner,
    "is not of rank 4": _other_rank,
    "is 31 x 4 where the model wants": _other_width,
    "is 4 x 4 where the model wants nothing": _unknown_module,
    "is nothing where the model wants": _one_module_less,
    "holds NaN or infinity": _holding(float("nan")),
    "NaN or infinity, so the training diverged": _holding(float("-inf")),
    "every lora_b is zero, so the weights never moved": _unmoved,
    "a tensor of type I32": _integers,
    "it holds no tensors": _empty,
}


@pytest.mark.parametrize(("sentence", "change"), REFUSED_WEIGHTS.items(), ids=REFUSED_WEIGHTS)
def test_weights_that_no_training_of_this_model_gives_are_refused(
    tmp_path, model_folder, sentence, change
):
    adapter = make_tiny_adapter(model_folder, tmp_path / "a")
    rewrite(adapter, change)
    model = opened(model_folder)
    before = logits(model)
    refused(model, adapter, sentence)
    assert same(logits(model), before)


def refused(model: Any, adapter: Path, sentence: str, **fields: Any) -> None:
    with pytest.raises(AdapterError) as caught:
        load(model, adapter, **fields)
    assert sentence in caught.value.message
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message


REFUSED_SETTINGS = [
    ({"fine_tune_type": "full"}, "unknown fine_tune_type 'full'"),
    ({"fine_tune_type": ["lora"]}, "unknown fine_tune_type"),
    ({"fine_tune_type": "dora"}, "has lora_a, lora_b"),
    ({"rank": 0}, "cannot have rank = 0"),
    ({"rank": True}, "cannot have rank = True"),
    ({"rank": 10**9}, "cannot have rank = 1000000000"),
    ({"rank": 5}, "is not of rank 5"),
    ({"scale": 1e9}, "cannot have scale"),
    ({"scale": "20"}, "cannot have scale = 20"),
    ({"scale": None}, "cannot have scale = None"),
    ({"dropout": 1.0}, "cannot have dropout"),
    ({"keys": "q_proj"}, "cannot have keys"),
    ({"keys": ["model.layers.0.input_layernorm"]}, "Can't convert layer of type RMSNorm"),
    ({"num_layers": 1}, "where the model wants nothing"),
    ({"num_layers": -2}, "cannot have num_layers"),
    ({"num_layers": "all"}, "cannot have num_layers"),
    ({"lora_parameters": None}, "cannot have lora_parameters"),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED_SETTINGS)
def test_settings_that_make_no_sense_are_refused(tmp_path, model_folder, changes, sentence):
    adapter = make_tiny_adapter(model_folder, tmp_path / "a")
    configure(adapter, **changes)
    model = opened(model_folder)
    before = logits(model)
    refused(model, adapter, sentence)
    assert same(logits(model), before)


def test_another_models_adapter_is_refused(tmp_path, model_folder):
    adapter = make_tiny_adapter(model_folder, tmp_path / "a")
    model = opened(model_folder)
    refused(model, adapter, "was trained on another base model (cccccccccccccccc", base="c" * 64)
    refused(model, adapter, "prompts of format 'slots-2'", prompt_format="slots-2")


def _cut(data: bytes) -> bytes:
    return data[:-1]


def _zip(data: bytes) -> bytes:
    return b"PK\x03\x04" + data[4:]


def _nothing(_data: bytes) -> bytes:
    return b""


def _with_header(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def rewritten(data: bytes) -> bytes:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        change(next(value for name, value in header.items() if name != "__metadata__"))
        text = json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + data[8 + length :]

    return rewritten


def _nested(_data: bytes) -> bytes:
    text = b"[" * 100_000
    return len(text).to_bytes(8, "little") + text


NOT_WHOLE = "it is no whole safetensors file"

DAMAGES = {
    "cut off": (_cut, NOT_WHOLE),
    "of another kind": (_zip, NOT_WHOLE),
    "empty": (_nothing, NOT_WHOLE),
    "nested deeply": (_nested, NOT_WHOLE),
    "of a negative shape": (_with_header(lambda t: t.update(shape=[-4, -32])), "shape [-4, -32]"),
    "of no shape": (_with_header(lambda t: t.pop("shape")), "a tensor of shape None"),
    "of a huge shape": (_with_header(lambda t: t.update(shape=[2**40, 4])), "do not agree"),
    "of places as texts": (
        _with_header(lambda t: t.update(data_offsets=["0", "9"])),
        NOT_WHOLE,
    ),
    "of a place before the file": (
        _with_header(lambda t: t.update(data_offsets=[-512, 0], shape=[32, 4])),
        "do not agree",
    ),
}


@pytest.mark.parametrize(("damage", "sentence"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_weight_file_is_refused_before_mlx_reads_it(
    tmp_path, model_folder, monkeypatch, damage, sentence
):
    adapter = make_tiny_adapter(model_folder, tmp_path / "a")
    model = opened(model_folder)
    (adapter / WEIGHTS).write_bytes(damage((adapter / WEIGHTS).read_bytes()))
    monkeypatch.setattr(mlx_adapters.mx, "load", lambda _: pytest.fail("MLX read it"))
    refused(model, adapter, sentence)


def test_content_that_changed_since_it_was_published_is_refused(tmp_path, model_folder):
    adapter = make_tiny_adapter(model_folder, tmp_path / "a")
    card, model = card_of(adapter), opened(model_folder)
    rewrite(adapter, _holding(0.5))
    with pytest.raises(AdapterError, match="has changed since it was published"):
        load_adapter(model, adapter, card, BASE, FORMAT)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_a_missing_file_is_named(tmp_path, model_folder, name):
    adapter = make_tiny_adapter(model_folder, tmp_path / "a")
    card, model = card_of(adapter), opened(model_folder)
    (adapter / name).unlink()
    with pytest.raises(AdapterError, match=f"has no {name}"):
        load_adapter(model, adapter, card, BASE, FORMAT)


def test_an_adapter_over_the_free_memory_is_not_loaded(tmp_path, model_folder, monkeypatch):
    adapter = make_tiny_adapter(model_folder, tmp_path / "a")
    monkeypatch.setattr(mlx_adapters, "available_bytes", lambda: 1000)
    refused(opened(model_folder), adapter, "not memory enough")


def test_memory_that_runs_out_while_loading_is_named(tmp_path, model_folder, monkeypatch):
    adapter, model = make_tiny_adapter(model_folder, tmp_path / "a"), opened(model_folder)

    def fail(_path: str) -> None:
        raise RuntimeError("[malloc] Unable to allocate 4096 bytes.")

    monkeypatch.setattr(mlx_adapters.mx, "load", fail)
    refused(model, adapter, "not memory enough")


# Several beside one base


@pytest.fixture
def registry(tmp_path: Path) -> AdapterRegistry:
    return AdapterRegistry(tmp_path / "registry")


def published(registry: AdapterRegistry, model_folder: Path, folder: Path, **options: Any) -> str:
    adapter = make_tiny_adapter(model_folder, folder, **options)
    return registry.publish(adapter, base=BASE, prompt_format=FORMAT).digest


def test_resident_adapters_keep_the_last_used_within_the_budget(tmp_path, model_folder, registry):
    digests = [
        published(registry, model_folder, tmp_path / str(seed), seed=seed) for seed in range(3)
    ]
    model = opened(model_folder)
    switch = AdapterSwitch(model)
    one = load(model, tmp_path / "0", fused_bytes=mlx_adapters.FUSED_BYTES).nbytes
    resident = ResidentAdapters(switch, registry, BASE, FORMAT, 2 * one)
    first = resident.get(digests[0])
    resident.get(digests[1])
    assert resident.get(digests[0]) is first
    assert resident.get(digests[0][:8]) is first
    resident.get(digests[2])
    assert resident.digests == (digests[0], digests[2])
    assert resident.nbytes == 2 * one
    switch.select(resident.get(digests[1]))
    assert resident.digests == (digests[2], digests[1])


def test_an_adapter_larger_than_the_budget_serves_alone(tmp_path, model_folder, registry):
    digests = [
        published(registry, model_folder, tmp_path / str(seed), seed=seed) for seed in range(2)
    ]
    resident = ResidentAdapters(AdapterSwitch(opened(model_folder)), registry, BASE, FORMAT, 0)
    for digest in digests:
        assert resident.get(digest).digest == digest
        assert resident.digests == (digest,)


def test_another_adapter_loads_while_one_is_selected(tmp_path, model_folder, registry):
    one = published(registry, model_folder, tmp_path / "one", rank=2)
    other = published(registry, model_folder, tmp_path / "other", kind="dora")
    model = opened(model_folder)
    switch, before = AdapterSwitch(model), logits(model)
    resident = ResidentAdapters(switch, registry, BASE, FORMAT, 1 << 30)
    switch.select(resident.get(one))
    switch.select(resident.get(other))
    assert close(logits(model), logits(expected(model_folder, tmp_path / "other")))
    resident.drop_all()
    assert resident.digests == ()
    assert switch.selected is None
    assert same(logits(model), before)


def test_an_adapter_dropped_under_a_request_still_answers_it(tmp_path, model_folder, registry):
    digest = published(registry, model_folder, tmp_path / "one")
    model = opened(model_folder)
    switch = AdapterSwitch(model)
    resident = ResidentAdapters(switch, registry, BASE, FORMAT, 1 << 30)
    held = resident.get(digest)
    switch.select(held)
    before = logits(model)
    resident.drop_all()
    switch.select(held)
    assert same(logits(model), before)


def test_a_refused_adapter_leaves_the_others_in_place(tmp_path, model_folder, registry):
    good = published(registry, model_folder, tmp_path / "good")
    bad = published(registry, model_folder, tmp_path / "bad", seed=1)
    (registry.folder(bad) / WEIGHTS).write_bytes(b"")
    resident = ResidentAdapters(
        AdapterSwitch(opened(model_folder)), registry, BASE, FORMAT, 1 << 30
    )
    resident.get(good)
    with pytest.raises(AdapterError, match="is damaged"):
        resident.get(bad)
    with pytest.raises(AdapterError, match="There is no adapter"):
        resident.get("f" * 64)
    assert resident.digests == (good,)
