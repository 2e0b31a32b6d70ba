"""The command line's question for trust: once, on a terminal, where something needs it."""

from __future__ import annotations

import argparse
import io
from typing import TYPE_CHECKING

import pytest

from squill.trust import is_declined, is_trusted, trust
from squill.trust_prompt import add_trust_option, command_settings, settle_trust

if TYPE_CHECKING:
    from pathlib import Path


class Keyboard(io.StringIO):
    """Standard input, whose reading is counted."""

    def __init__(self, text: str, is_terminal: bool) -> None:
        super().__init__(text)
        self.lines_read = 0
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def readline(self, size: int = -1, /) -> str:
        self.lines_read += 1
        return super().readline(size)


def at_terminal(monkeypatch: pytest.MonkeyPatch, typed: str, is_terminal: bool = True) -> Keyboard:
    keyboard = Keyboard(typed, is_terminal)
    monkeypatch.setattr("sys.stdin", keyboard)
    monkeypatch.setattr("sys.stderr", Keyboard("", is_terminal))
    return keyboard


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SQUILL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SQUILL_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("SQUILL_TRUST", raising=False)
    monkeypatch.delenv("SQUILL_MODEL", raising=False)
    work = tmp_path / "work"
    work.mkdir()
    (work / "squill.toml").write_text('model = "theirs"\n')
    return work


def test_a_yes_trusts_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_terminal(monkeypatch, "y\n")
    assert command_settings(folder, pytest.fail, granted=False).model == "theirs"
    assert is_trusted(folder)


@pytest.mark.parametrize("answer", ["n\n", "\n", "yess\n"])
def test_anything_else_is_a_no_and_it_is_not_asked_again(
    answer: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyboard = at_terminal(monkeypatch, answer)
    said: list[str] = []
    for _ in range(2):
        assert command_settings(folder, said.append, granted=False).model == ""
    assert keyboard.lines_read == 1
    assert is_declined(folder)
    assert all("squill trust add" in text for text in said)


def test_the_end_of_the_input_is_no_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_terminal(monkeypatch, "")
    assert not settle_trust(folder, ["model"], granted=False)
    assert not is_declined(folder)


def test_nobody_is_asked_without_a_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard = at_terminal(monkeypatch, "y\n", is_terminal=False)
    said: list[str] = []
    assert command_settings(folder, said.append, granted=False).model == ""
    assert keyboard.lines_read == 0
    assert len(said) == 1
    assert "`model` left out" in said[0]


def test_nobody_is_asked_where_nothing_needs_trust(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "squill.toml").write_text('dialect = "mysql"\n')
    keyboard = at_terminal(monkeypatch, "y\n")
    assert command_settings(folder, pytest.fail, granted=False).dialect == "mysql"
    assert keyboard.lines_read == 0


def test_nobody_is_asked_of_a_trusted_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(folder)
    keyboard = at_terminal(monkeypatch, "n\n")
    assert command_settings(folder, pytest.fail, granted=False).model == "theirs"
    assert keyboard.lines_read == 0


def test_the_option_trusts_for_one_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_terminal(monkeypatch, "n\n")
    parser = argparse.ArgumentParser()
    add_trust_option(parser)
    granted = parser.parse_args(["--trust"]).trust
    assert command_settings(folder, pytest.fail, granted=granted).model == "theirs"
    assert not is_trusted(folder)
