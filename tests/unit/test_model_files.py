"""Every model that cannot be had gives one clear sentence, before MLX touches it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from squill import model_files
from squill.errors import ModelNotFoundError, ModelTooLargeError, ModelUnsupportedError
from squill.model_files import (
    canonical_model,
    check_files,
    content_digest,
    end_tokens,
    model_folder,
    out_of_memory,
)
from squill.trust import trust

if TYPE_CHECKING:
    from pathlib import Path


def write_model(folder: Path, *, size: int = 64, dtype: str = "F16", **config: object) -> Path:
    """A folder with a config and one weight file of ``size`` bytes of tensor data."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"} | config))
    header = {"w": {"dtype": dtype, "shape": [size], "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + bytes(size)
    (folder / "model.safetensors").write_bytes(data)
    return folder


def test_a_whole_folder_passes(tmp_path):
    assert check_files(write_model(tmp_path), as_float32=True)["model_type"] == "llama"


@pytest.mark.parametrize("model", ["/nowhere/at/all", "./nowhere", "~/nowhere-squill", "plain"])
def test_a_path_that_is_not_there_is_not_looked_for_on_the_hub(model):
    with pytest.raises(ModelNotFoundError, match="There is no model folder at"):
        model_folder(model)


def test_a_hub_model_without_a_network_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFoundError, match="hub cannot be reached"):
        model_folder("nobody-at-all/no-such-model")


@pytest.mark.parametrize("is_known_to_the_hub", [True, False])
def test_a_folder_of_a_repository_takes_no_hub_models_place(
    tmp_path, monkeypatch, is_known_to_the_hub
):
    monkeypatch.setenv("SQUILL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("SQUILL_TRUST", raising=False)
    (tmp_path / "repository" / "owner").mkdir(parents=True)
    theirs = write_model(tmp_path / "repository" / "owner" / "name")
    cached = write_model(tmp_path / "cached")
    monkeypatch.chdir(tmp_path / "repository")
    monkeypatch.setattr(
        model_files, "cached_folder", lambda _: cached if is_known_to_the_hub else None
    )
    assert canonical_model("owner/name", tmp_path / "repository") == "owner/name"
    if is_known_to_the_hub:
        assert model_folder("owner/name") == cached
    else:
        with pytest.raises(ModelNotFoundError, match=r"Write \./owner/name"):
            model_folder("owner/name")
    assert model_folder("./owner/name").resolve() == theirs
    trust(tmp_path / "repository")
    assert canonical_model("owner/name", tmp_path / "repository") == str(theirs)
    assert model_folder("owner/name").resolve() == theirs


def _without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def _config_without_type(folder: Path) -> None:
    (folder / "config.json").write_text("{}")


def _cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def _empty_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def _weights_of_another_kind(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"PK\x03\x04" + b"\xff" * 100)


def _index_names_a_missing_file(folder: Path) -> None:
    index = {"weight_map": {"w": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (_without_config, ModelNotFoundError),
        (_without_weights, ModelNotFoundError),
        (_index_names_a_missing_file, ModelNotFoundError),
        (_broken_config, ModelUnsupportedError),
        (_config_without_type, ModelUnsupportedError),
        (_cut_weights, ModelUnsupportedError),
        (_empty_weights, ModelUnsupportedError),
        (_weights_of_another_kind, ModelUnsupportedError),
    ],
)
def test_a_damaged_folder_is_named_with_what_to_do(tmp_path, damage, error):
    damage(write_model(tmp_path))
    with pytest.raises(error) as caught:
        check_files(tmp_path, as_float32=True)
    assert str(tmp_path) in caught.value.message
    assert caught.value.message.count("\n") == 0
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    ("dtype", "config", "as_float32", "needed"),
    [
        ("F16", {}, False, 1000),
        ("F16", {}, True, 2000),
        ("F32", {}, True, 1000),
        ("U32", {"quantization": {"bits": 4}}, True, 8000),
        ("U32", {"quantization": {"bits": 4}}, False, 1000),
    ],
)
def test_a_model_over_the_free_memory_is_not_loaded(
    tmp_path, monkeypatch, dtype, config, as_float32, needed
):
    folder = write_model(tmp_path, size=1000, dtype=dtype, **config)
    monkeypatch.setattr(model_files, "available_bytes", lambda: int(needed * 1.5))
    check_files(folder, as_float32=as_float32)
    monkeypatch.setattr(model_files, "available_bytes", lambda: needed)
    with pytest.raises(ModelTooLargeError, match="smaller model"):
        check_files(folder, as_float32=as_float32)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("[malloc] Unable to allocate 1 bytes."), True),
        (RuntimeError("shapes differ"), False),
    ],
)
def test_want_of_memory_is_told_from_other_failures(error, expected):
    assert out_of_memory(error) is expected


def test_end_tokens_come_from_both_configs(tmp_path):
    write_model(tmp_path, eos_token_id=[1, 2])
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": 3}')
    assert end_tokens(tmp_path) == {1, 2, 3}


def test_the_digest_follows_the_content(tmp_path):
    first = content_digest(write_model(tmp_path / "a"))
    assert first == content_digest(write_model(tmp_path / "b"))
    assert first != content_digest(write_model(tmp_path / "b", size=65))


def test_a_model_has_one_spelling(tmp_path):
    (tmp_path / "model").mkdir()
    assert canonical_model("model", tmp_path) == str(tmp_path / "model")
    assert canonical_model("./other", tmp_path) == str(tmp_path / "other")
    assert canonical_model("owner/name", tmp_path) == "owner/name"
    assert canonical_model("", tmp_path) == ""


@pytest.mark.parametrize(
    "config",
    [
        {"model_file": "evil.py"},
        {"text_config": {"model_type": "llama", "model_file": "evil.py"}},
        {"model_type": "../../evil"},
        {"model_type": ".evil"},
    ],
)
def test_a_model_that_brings_code_is_refused_before_anything_loads_it(tmp_path, config):
    folder = write_model(tmp_path, **config)
    (folder / "evil.py").write_text("raise SystemExit('the model ran its code')")
    with pytest.raises(ModelUnsupportedError):
        check_files(folder, as_float32=True)


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/hostname", "a/b.safetensors"])
def test_an_index_names_weights_of_its_own_folder_alone(tmp_path, name):
    folder = write_model(tmp_path / "model")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": name}}))
    with pytest.raises(ModelUnsupportedError, match="outside the model's folder"):
        check_files(folder, as_float32=True)
