"""Which models there are, what they need, and how one takes another's place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from squill.errors import (
    ModelError,
    ModelTooLargeError,
    ModelUnsupportedError,
    SettingsError,
)
from squill_daemon.commands.model import _told_list
from squill_daemon.models import changing
from squill_daemon.models.catalogue import suggestions
from squill_daemon.models.chosen import choose, settings_file
from squill_daemon.models.details import local_details
from squill_daemon.models.sizes import disk_bytes, memory_bytes, stored_bits
from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CONFIG", "RUNTIME", "STATE"):
        monkeypatch.setenv(f"SQUILL_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.delenv("SQUILL_MODEL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folders")
def test_the_setting_is_written_and_nothing_else_is_touched() -> None:
    text = "# mine\ndialect = 'postgres'  # ours\n\n[generation]\nbudget_ms = 3\n"
    settings_file().parent.mkdir()
    settings_file().write_text(text)
    assert choose("a/b") == ""
    written = settings_file().read_text()
    assert written.splitlines()[:3] == ["# mine", "dialect = 'postgres'  # ours", 'model = "a/b"']
    assert choose("") == "a/b"
    assert settings_file().read_text() == text


@pytest.mark.usefixtures("folders")
def test_a_settings_file_that_cannot_be_read_is_left_alone() -> None:
    settings_file().parent.mkdir()
    settings_file().write_text("model = = 3")
    with pytest.raises(SettingsError, match="cannot be changed"):
        choose("a/b")
    assert settings_file().read_text() == "model = = 3"


def test_a_link_to_the_settings_stays_a_link(folders: Path) -> None:
    own = folders / "dotfiles.toml"
    own.write_text("")
    settings_file().parent.mkdir()
    settings_file().symlink_to(own)
    choose("a/b")
    assert settings_file().is_symlink()
    assert own.read_text() == 'model = "a/b"\n'


@pytest.fixture
def said() -> list[str]:
    return []


def test_a_model_that_does_not_load_gives_way_to_the_one_before(
    folders: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "holder", lambda _: 1)
    monkeypatch.setattr(changing, "_status", lambda: None)
    first, second = (str(make_tiny_model(folders / name)) for name in ("first", "second"))
    restarted: list[str] = []

    def restart(model: str) -> bool:
        restarted.append(model)
        return model != second

    changing.use(first, restart, said.append)
    with pytest.raises(ModelError, match=f"so {first} stays in use"):
        changing.use(second, restart, said.append)
    assert restarted == [first, second, first]
    assert choose("") == first
    assert said == [f"{first} is in use: {settings_file()} names it"]


def test_what_overrides_the_setting_is_said(
    folders: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(make_tiny_model(folders / "tiny"))
    monkeypatch.setenv("SQUILL_TRUST", "1")
    (folders / "squill.toml").write_text('model = "other/model"\n')
    changing.use(model, lambda _: False, said.append)  # no daemon runs, so none is restarted
    assert said[1:] == [f"the settings of {folders} name other/model instead"]
    monkeypatch.setenv("SQUILL_MODEL", "third/model")
    changing.use(model, lambda _: False, said.append)
    assert said[-1] == "SQUILL_MODEL=third/model overrides it where it is set"


def test_memory_is_checked_before_anything_changes(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(make_tiny_model(folders / "tiny"))
    monkeypatch.setattr(changing, "available_bytes", lambda: 1000)
    with pytest.raises(ModelTooLargeError, match="can be had"):
        changing.use(model, lambda _: True, print)
    monkeypatch.setattr(changing, "_status", lambda: {"memory_bytes": 10**9})
    changing.use(model, lambda _: True, print)


def test_a_model_with_code_of_its_own_is_refused(folders: Path) -> None:
    model = str(make_tiny_model(folders / "tiny", model_file="code.py"))
    with pytest.raises(ModelUnsupportedError, match="never runs"):
        changing.use(model, lambda _: True, print)
    assert not settings_file().exists()


def test_details_are_read_from_the_files(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "tiny")
    (folder / "README.md").write_text("---\nlicense: other\nlicense_name: mine-1\n---\n# Tiny\n")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    found = local_details("tiny", folder, on_cpu=True)
    weights = 97 * 32 + 32 + 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 64 * 32 + 2 * 32)
    assert (found.parameters, found.architecture, found.context) == (weights, "llama", 2048)
    assert (found.licence, found.prompt_format, found.chat_template) == ("mine-1", "chat-1", True)
    assert found.memory_bytes == pytest.approx(1.2 * 4 * weights, abs=2)


def test_suggestions_are_complete_and_in_order_of_their_parameters() -> None:
    found = suggestions(on_cpu=False)
    assert {"embedded"}.isdisjoint(s.name for s in found)
    assert [s.parameters for s in found] == sorted(s.parameters for s in found)
    assert all(s.licence and s.computed and s.context for s in found)
    assert all(s.memory_bytes > s.disk_bytes for s in found)
    assert "Known to do" in _told_list(
        {"chosen": "embedded", "served": "x", "installed": [], "suggestions": [as_json(found[0])]}
    )


def as_json(details: object) -> dict[str, object]:
    return json.loads(json.dumps({name: getattr(details, name) for name in details.__slots__}))


def test_sizes_follow_from_parameters_and_bits() -> None:
    # mlx-community/Qwen2.5-Coder-7B-Instruct-4bit is 4.28 GB of weights on the hub.
    assert disk_bytes(7_615_616_512, 4) == pytest.approx(4.28e9, rel=0.01)
    assert disk_bytes(1000, 16) == 2000
    assert memory_bytes(1000, 4, on_cpu=True) == 4800
    assert stored_bits({"quantization": {"bits": 4, "group_size": 32}}) == (4, 32)
    assert stored_bits({"torch_dtype": "bfloat16"}) == (16, 64)
    assert stored_bits({"dtype": "float32"}) == (32, 64)
