"""`squill train` and `squill adapters`: real processes, the embedded model, few steps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from conftest import REAL_DAEMON, TESTS

from squill.adapters import user_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK_TRAIN = (sys.executable, str(TESTS / "quick_trainer.py"))
SQUILL = (sys.executable, "-m", "squill")


@pytest.fixture
def workspace(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", " ".join(REAL_DAEMON))
    folder = own_folders / "shop"
    folder.mkdir()
    (folder / "tables.sql").write_text(
        "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT, town TEXT, grade TEXT);"
    )
    yield folder
    subprocess.run([*SQUILL, "daemon", "stop"], capture_output=True, check=False)


def teach(workspace: Path) -> None:
    folder = workspace / ".squill" / "examples"
    folder.mkdir(parents=True)
    (folder / "words.sql").write_text(
        "-- How many gold clients are there?\nSELECT COUNT(*) FROM clients WHERE grade = 'G';\n"
    )


def train(workspace: Path, steps: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*QUICK_TRAIN, "--once", "--workspace", str(workspace)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"SQUILL_TEST_STEPS": str(steps)},
    )


def adapters(workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*SQUILL, "adapters", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=workspace)


def test_without_pairs_there_is_nothing_to_do(workspace: Path) -> None:
    done = train(workspace, 1)
    assert done.returncode == 0
    assert done.stdout.startswith("There are no example pairs to learn from.")


def test_a_folder_that_is_not_there_is_a_wrong_call(workspace: Path) -> None:
    done = train(workspace / "nowhere", 1)
    assert done.returncode == 2
    assert "is no folder" in done.stderr


@pytest.mark.timeout(300)
def test_a_pair_is_learned_used_and_taken_back(workspace: Path) -> None:
    teach(workspace)
    done = train(workspace, 60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("learned 1 pairs in")
    assert "pairs 0/1 → 1/1" in done.stdout
    digest = user_registry().active(str(workspace))
    assert digest is not None
    card = user_registry().card(digest)
    assert card.figures["pairs_right"] == 1
    assert len(card.pairs) == 1
    again = train(workspace, 60)
    assert again.stdout.startswith("Nothing is new")
    assert f"* {digest[:12]}" in adapters(workspace, "list").stdout
    back = adapters(workspace, "rollback")
    assert back.stdout == f"in use: the model without an adapter (before: {digest[:12]})\n"
    assert user_registry().active(str(workspace)) is None
    assert adapters(workspace, "activate", digest[:8]).returncode == 0
    assert user_registry().active(str(workspace)) == digest


@pytest.mark.timeout(300)
def test_what_learned_nothing_is_refused_and_says_why(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUILL_TEST_RATE", "1e-6")
    teach(workspace)
    (workspace / ".squill" / "examples" / "words.sql").write_text(
        "-- How many of the very best?\n"
        "SELECT COUNT(*) FROM clients WHERE grade = 'G' AND town = 'Q' OR name LIKE '%zz';\n"
    )
    done = train(workspace, 1)
    assert user_registry().active(str(workspace)) is None, done.stdout
    assert done.returncode == 1
    assert "is not used: It is no better than what is in use" in done.stdout
    (card,) = user_registry().cards()
    assert card.note.startswith("It is no better")


@pytest.mark.timeout(300)
def test_a_pair_is_asked_before_it_is_learned(workspace: Path) -> None:
    teach(workspace)
    asked = {"names": "name", "towns": "town", "ids": "id", "how many": "COUNT(*)"}
    pairs = (
        f"-- {question} of {word} clients\nSELECT {wanted} FROM clients WHERE grade = '{grade}';\n"
        for word, grade in (("gold", "G"), ("rusty", "R"))
        for question, wanted in asked.items()
    )
    (workspace / ".squill" / "examples" / "words.sql").write_text("".join(pairs))
    done = train(workspace, 4)
    assert "asking the pairs that were left out until now" in done.stderr
    (card,) = user_registry().cards()
    assert card.figures["left_out_asked"] == 1
    assert len(card.pairs) == 8


@pytest.mark.timeout(300)
def test_a_training_that_was_killed_goes_on(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(workspace)
    monkeypatch.setenv("SQUILL_TEST_STEPS", "12")
    command = [*QUICK_TRAIN, "--once", "--workspace", str(workspace)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as killed:
        assert killed.stderr is not None
        for line in killed.stderr:
            if line.startswith("step 5/"):
                killed.send_signal(signal.SIGKILL)
                break
    assert user_registry().cards() == ()
    done = train(workspace, 12)
    assert "going on from step " in done.stderr
    assert len(user_registry().cards()) == 1


def test_without_adapters_the_list_says_how_to_get_one(workspace: Path) -> None:
    assert "squill train --once" in adapters(workspace, "list").stdout
    assert json.loads(adapters(workspace, "list", "--json").stdout) == {
        "active": None,
        "adapters": [],
    }


def test_an_unknown_adapter_is_one_sentence(workspace: Path) -> None:
    done = adapters(workspace, "show", "abcdef12")
    assert done.returncode == 2
    assert done.stderr.startswith("squill adapters: There is no adapter")
    assert adapters(workspace, "rollback").returncode == 3
