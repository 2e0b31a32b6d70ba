"""`squill ask --adapter`: by digest, by folder, or none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from squill.adapters import user_registry
from squill.model_files import content_digest
from squill_daemon.commands import ask
from tiny_adapter import make_tiny_adapter
from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

    from squill.settings import Settings


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The adapters that requests named; nobody answers them."""
    for name in ("RUNTIME", "STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"SQUILL_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.sql").write_text("CREATE TABLE t (a TEXT);")
    found: list[Any] = []

    def answer(params: dict[str, Any], _: Settings) -> dict[str, Any]:
        found.append(params.get("adapter"))
        return {"candidates": [], "refused": "nobody is here", "dialect_origin": "default"}

    monkeypatch.setattr(ask, "_answer_here", answer)
    return found


def put(model: Path, *options: str) -> int:
    question = ["how many", "--schema", "t.sql", "--no-daemon", "--model", str(model)]
    return ask.main([*question, *options])


def test_an_adapter_is_named_by_digest_or_folder(tmp_path, asked):
    model = make_tiny_model(tmp_path / "model")
    folder = make_tiny_adapter(model, tmp_path / "adapter")
    assert put(model, "--adapter", str(folder)) == 1
    (card,) = user_registry().cards()
    assert card.base == content_digest(model)
    assert card.prompt_format == "plain-1"
    put(model, "--adapter", card.digest[:8])
    put(model, "--adapter", "none")
    put(model)
    assert asked == [card.digest, card.digest, "", None]


def test_a_folder_says_itself_where_it_comes_from(tmp_path, asked):
    model = make_tiny_model(tmp_path / "model")
    folder = make_tiny_adapter(model, tmp_path / "adapter")
    put(model, "--adapter", str(folder))
    (card,) = user_registry().cards()
    other = make_tiny_adapter(model, tmp_path / "other", seed=1)
    (other / "card.json").write_text(json.dumps(card.to_wire()))
    assert put(model, "--adapter", str(other)) == 3
    assert asked == [card.digest]


def test_what_is_not_there_is_asked_of_nobody(tmp_path, asked, capsys):
    model = make_tiny_model(tmp_path / "model")
    assert put(model, "--adapter", "abcdef12") == 3
    assert put(model, "--adapter", "./nowhere") == 2
    assert "There is no folder nowhere" in capsys.readouterr().err
    assert asked == []


def test_an_adapter_that_does_not_answer_is_said_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = {
        "candidates": [{"sql": "SELECT 1"}],
        "dialect": "sqlite",
        "dialect_origin": "setting",
        "adapter_problem": "Adapter 12ab is damaged. Train it again.",
    }
    ask._show(answer, [], as_json=False)
    said = capsys.readouterr()
    assert said.out == "SELECT 1;\n"
    assert said.err == (
        "What was learned here isn't used. Adapter 12ab is damaged. Train it again.\n"
    )
