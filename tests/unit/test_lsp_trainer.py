"""How a language server starts trainers: once for the same wish, and with what the editor sets."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from squill.settings import Settings
from squill_lsp.trainer import Trainers
from surroundings import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTES = """
import json, os, signal, sys
with open(sys.argv[1], "a") as file:
    file.write(json.dumps([os.getpid(), *sys.argv[2:]]) + "\\n")
signal.pause()
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A line for each trainer that was started; they run until the test's end."""
    script, notes = tmp_path / "trainer.py", tmp_path / "calls"
    script.write_text(NOTES)
    notes.touch()
    monkeypatch.setenv("SQUILL_TRAINER_COMMAND", f"{sys.executable} {script} {notes}")
    monkeypatch.setenv("SQUILL_STATE_DIR", str(tmp_path / "state"))
    yield notes
    for pid, *_ in read(notes):
        os.kill(pid, signal.SIGTERM)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop" / ".squill").mkdir(parents=True)
    return tmp_path / "shop"


def read(notes: Path) -> list[Any]:
    return [json.loads(line) for line in notes.read_text().splitlines()]


async def test_a_folder_is_watched_once_until_the_editor_sets_something_else(calls, folder):
    trainers, settings = Trainers(), Settings()
    trainers.watch(folder, settings, {})
    trainers.watch(folder, settings, {})
    await until(lambda: read(calls))
    editor = {"learning": {"most_steps": 7}}
    trainers.watch(folder, settings, editor)
    trainers.watch(folder, settings, editor)
    await until(lambda: len(read(calls)) == 2)
    first, second = read(calls)
    assert first[1:] == ["--watch", "--watch-for", str(os.getpid()), "--workspace", str(folder)]
    assert json.loads(second[second.index("--editor-settings") + 1]) == editor


async def test_a_training_by_command_is_not_begun_twice(calls, folder):
    trainers = Trainers()
    assert trainers.once(folder, {"model": "mine"})
    assert not trainers.once(folder, {"model": "mine"})
    await until(lambda: read(calls))
    ((_, *arguments),) = read(calls)
    assert arguments[:3] == ["--once", "--editor-settings", '{"model": "mine"}']
