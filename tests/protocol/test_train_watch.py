"""``squill train --watch``: a real watcher, and a script in the place of the training."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from surroundings import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Watch = Callable[..., subprocess.Popen[bytes]]

FAKE_TRAINER = Path(__file__).parent.parent / "fake_trainer.py"
TABLE = "CREATE TABLE clients (id INTEGER, grade TEXT);\n"
PAIR = "-- how many gold clients are there\nSELECT COUNT(*) FROM clients WHERE grade = 'G';\n"
OTHER = "-- all gold clients\nSELECT id FROM clients WHERE grade = 'G';\n"
GOLD, ALL = "how many gold clients are there", "all gold clients"


@pytest.fixture
def trainings(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = own_folders / "trainings"
    path.touch()
    monkeypatch.setenv("SQUILL_FAKE_TRAININGS", str(path))
    monkeypatch.setenv("SQUILL_TRAINER_COMMAND", f"{sys.executable} {FAKE_TRAINER}")
    return path


def make_workspace(folder: Path) -> Path:
    (folder / ".squill" / "examples").mkdir(parents=True)
    (folder / "tables.sql").write_text(TABLE)
    (folder / "squill.toml").write_text("[learning]\nquiet_seconds = 0\n")
    return folder


@pytest.fixture
def workspace(own_folders: Path) -> Path:
    return make_workspace(own_folders / "shop")


@pytest.fixture
def watch(trainings: Path) -> Iterator[Watch]:
    """Starts watchers, as an editor's for our own process where nothing else is said."""
    assert trainings.exists()
    started: list[subprocess.Popen[bytes]] = []

    def start(workspace: Path, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "squill", "train", "--watch", "--workspace"]
        own = options or ("--watch-for", str(os.getpid()))
        started.append(subprocess.Popen([*command, str(workspace), *own]))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait()


def read(trainings: Path) -> list[Any]:
    return [json.loads(line) for line in trainings.read_text().splitlines()]


def questions(trainings: Path) -> list[list[str]]:
    return [note["questions"] for note in read(trainings)]


def teach(workspace: Path, name: str, text: str) -> Path:
    path = workspace / ".squill" / "examples" / name
    path.write_text(text)
    return path


async def test_new_pairs_are_learned_and_what_was_refused_is_not_tried_again(
    watch: Watch, workspace: Path, trainings: Path
) -> None:
    teach(workspace, "a.sql", PAIR)
    watch(workspace)
    await until(lambda: questions(trainings) == [[GOLD]])
    teach(workspace, "a.sql", PAIR + "-- a note\n")
    other = teach(workspace, "b.sql", OTHER)
    await until(lambda: questions(trainings) == [[GOLD], [GOLD, ALL]])
    other.unlink()
    teach(workspace, "c.jsonl", '{"question": "every client", "sql": "SELECT id FROM clients"}\n')
    await until(lambda: len(read(trainings)) == 3)
    assert questions(trainings)[-1] == [GOLD, "every client"]


async def test_what_an_editor_sets_goes_before_the_files_and_reaches_the_training(
    watch: Watch, workspace: Path, trainings: Path
) -> None:
    def editor(*, automatic: bool) -> tuple[str, ...]:
        settings = {"learning": {"automatic": automatic, "most_steps": 7}}
        return ("--watch-for", str(os.getpid()), "--editor-settings", json.dumps(settings))

    other = make_workspace(workspace.parent / "other")
    watch(workspace, *editor(automatic=False))
    watch(other)
    teach(workspace, "a.sql", PAIR)
    teach(other, "b.sql", OTHER)
    await until(lambda: questions(trainings) == [[ALL]])
    watch(workspace, *editor(automatic=True))
    await until(lambda: questions(trainings) == [[ALL], [GOLD]])
    assert read(trainings)[-1]["editor"]["learning"]["most_steps"] == 7


async def test_what_was_tried_before_is_not_tried_by_the_next_watcher(
    watch: Watch, workspace: Path, trainings: Path
) -> None:
    teach(workspace, "a.sql", PAIR)
    first = watch(workspace)
    await until(lambda: questions(trainings) == [[GOLD]])
    first.terminate()
    first.wait()
    watch(workspace)
    teach(workspace, "b.sql", OTHER)
    await until(lambda: len(read(trainings)) > 1)
    assert questions(trainings) == [[GOLD], [GOLD, ALL]]


async def test_a_training_that_fails_is_tried_a_few_times_only(
    watch: Watch, workspace: Path, trainings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUILL_FAKE_FAILURE", "3")
    teach(workspace, "a.sql", PAIR)
    watch(workspace)
    for count in range(1, 4):
        await until(lambda count=count: len(read(trainings)) == count)  # type: ignore[misc]
        teach(workspace, "a.sql", PAIR + f"-- note {count}\n")
    teach(workspace, "b.sql", OTHER)
    await until(lambda: len(read(trainings)) == 4)
    assert questions(trainings) == [[GOLD]] * 3 + [[GOLD, ALL]]


async def test_one_trainer_serves_all_and_the_next_takes_over(
    watch: Watch, workspace: Path, own_folders: Path, trainings: Path
) -> None:
    teach(workspace, "a.sql", PAIR)
    first = watch(workspace)
    await until(lambda: len(read(trainings)) == 1)
    other = make_workspace(own_folders / "office")
    teach(other, "a.sql", OTHER)
    second = watch(other)
    assert await asyncio.to_thread(second.wait) == 0
    await until(lambda: len(read(trainings)) == 2)
    assert read(trainings)[1] == {"workspace": str(other), "questions": [ALL], "editor": None}
    first.send_signal(signal.SIGKILL)
    first.wait()
    watch(other)
    teach(workspace, "b.sql", OTHER)
    await until(lambda: len(read(trainings)) == 3)
    assert read(trainings)[2]["workspace"] == str(workspace)


async def test_a_watcher_ends_with_the_process_that_it_watches_for(
    watch: Watch, workspace: Path
) -> None:
    editor = await asyncio.create_subprocess_exec("sleep", "60")
    watcher = watch(workspace, "--watch-for", str(editor.pid))
    await until(lambda: any((workspace.parent / "runtime" / "trainer").glob("*.json")))
    editor.kill()
    await editor.wait()
    assert await asyncio.to_thread(watcher.wait) == 0


async def test_in_the_foreground_it_ends_when_interrupted(
    watch: Watch, workspace: Path, trainings: Path
) -> None:
    teach(workspace, "a.sql", PAIR)
    watcher = watch(workspace, "--background")
    await until(lambda: len(read(trainings)) == 1)
    watcher.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(watcher.wait) == 130
    assert list((workspace.parent / "runtime" / "trainer").glob("*.json")) == []


async def test_the_setting_turns_it_off_and_on(
    watch: Watch, workspace: Path, trainings: Path
) -> None:
    settings = workspace / "squill.toml"
    settings.write_text("[learning]\nquiet_seconds = 0\nautomatic = false\n")
    teach(workspace, "a.sql", PAIR)
    watch(workspace)
    await until(lambda: any((workspace.parent / "runtime" / "trainer").glob("*.json")))
    teach(workspace, "b.sql", OTHER)
    settings.write_text("[learning]\nquiet_seconds = 0\n")
    await until(lambda: bool(read(trainings)))
    assert questions(trainings) == [[GOLD, ALL]]
