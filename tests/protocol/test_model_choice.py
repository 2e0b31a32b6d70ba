"""One daemon with one model: it answers a workspace with a model that this workspace named, or its
user, and the others learn in a sentence why it doesn't."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from editor import editing

from squill.client import DaemonClient
from squill.errors import OtherModelError
from squill.schema import Schema
from squill.settings import load_settings
from squill.trust import trust
from squill_daemon.commands.daemon import main as daemon_main
from squill_terminal.asking import ask as ask_repl
from surroundings import own_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


STUDENTS = "CREATE TABLE students (Name TEXT, Age INT);\n"
QUESTION = "How old is Ann?"
ASKED = {"schema": STUDENTS, "question": QUESTION}


@pytest.fixture
def untrusting(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No folder is trusted; a daemon that was started ends with the test."""
    monkeypatch.delenv("SQUILL_TRUST")
    yield own_folders
    daemon_main(["stop"])


def make_workspace(place: Path, settings: str = "") -> Path:
    place.mkdir()
    (place / "students.sql").write_text(STUDENTS)
    (place / "squill.toml").write_text(settings)
    return place


def ask(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "squill", "ask", QUESTION, *options],
        capture_output=True,
        text=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        timeout=100,
    )


async def served() -> tuple[str, str]:
    async with await DaemonClient.connect() as client:
        status = await client.call("status")
        return status["model"], status["model_named_by"]


async def test_an_untrusted_folder_chooses_no_model(untrusting: Path) -> None:
    theirs = make_workspace(untrusting / "theirs", 'model = "evil/model"\n')
    done = ask(theirs)
    assert done.returncode == 0
    assert "`model` left out" in done.stderr
    assert await served() == ("fake", "")


async def test_a_trusted_folders_model_answers_that_folder_alone(untrusting: Path) -> None:
    theirs = make_workspace(untrusting / "theirs", 'model = "owner/one"\n')
    plain = make_workspace(untrusting / "plain")
    other = make_workspace(untrusting / "other", 'model = "owner/two"\n')
    trust(theirs)
    trust(other)
    assert ask(theirs).returncode == 0
    assert await served() == ("owner/one", str(theirs))
    for folder, sentence in (
        (plain, f"The daemon serves owner/one for {theirs}, this workspace names no model"),
        (other, "The daemon serves owner/one, this workspace names owner/two"),
    ):
        done = ask(folder)
        assert (done.returncode, done.stdout) == (3, "")
        assert sentence in done.stderr
        assert "squill model use" in done.stderr
    with pytest.raises(OtherModelError, match="this workspace names no model"):
        ask_repl(QUESTION, Schema(()), plain, load_settings(plain, pytest.fail))


async def test_the_model_that_a_user_starts_answers_folders_that_name_none(
    untrusting: Path,
) -> None:
    daemon_main(["start", "--no-wait", "--model", "owner/mine"])
    plain = make_workspace(untrusting / "plain")
    assert ask(plain).returncode == 0
    other = make_workspace(untrusting / "other", 'model = "owner/two"\n')
    trust(other)
    assert ask(other).returncode == 3


async def test_the_model_of_the_users_settings_is_everybodys(untrusting: Path) -> None:
    (untrusting / "config").mkdir()
    (untrusting / "config" / "squill.toml").write_text('model = "owner/mine"\n')
    plain = make_workspace(untrusting / "plain")
    assert ask(plain).returncode == 0
    assert await served() == ("owner/mine", "")


async def test_a_folder_without_a_model_does_not_get_anothers_error(
    untrusting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = make_workspace(untrusting / "theirs", 'model = "owner/broken"\n')
    plain = make_workspace(untrusting / "plain")
    trust(theirs)
    monkeypatch.setenv("SQUILL_FAKE_LOAD", "error")
    assert "There is no model at /nowhere" in ask(theirs).stderr
    said = ask(plain).stderr
    assert "/nowhere" not in said
    assert f"serves owner/broken for {theirs}" in said


@pytest.mark.usefixtures("untrusting")
async def test_a_prefill_of_another_model_is_refused_as_a_question_is() -> None:
    daemon_main(["start", "--no-wait", "--model", "owner/one", "--named-by", "/theirs"])
    async with await DaemonClient.connect() as client:
        for method in ("generate", "prefill"):
            with pytest.raises(OtherModelError):
                await client.call(method, ASKED | {"model": ""})
            await client.call(method, ASKED | {"model": "owner/one"})


async def test_the_editor_is_told_the_sentence_and_never_anothers_error(tmp_path: Path) -> None:
    plain = make_workspace(tmp_path / "plain")
    document = (plain / "new.sql").as_uri()
    answers = json.dumps({QUESTION: ["SELECT Age FROM students WHERE Name = 'Ann'"]})
    async with own_environment(
        tmp_path, SQUILL_FAKE_ANSWERS=answers, SQUILL_FAKE_LOAD="error", SQUILL_TRUST=""
    ) as environment:
        start = [*environment["SQUILL_DAEMON_COMMAND"].split(), "start", "--no-wait"]
        theirs = ["--model", "owner/broken", "--named-by", "/theirs"]
        started = await asyncio.create_subprocess_exec(*start, *theirs, env=environment)
        assert await started.wait() == 0
        async with editing(environment, folder=plain) as editor:
            editor.open(f"-- {QUESTION}\n", document)
            assert await editor.ghost_text(f"-- {QUESTION}\n", document) is None
            await editor.until(lambda: "for /theirs" in editor.statuses[-1].message)
            assert editor.statuses[-1].state == "trouble"
            assert not any("/nowhere" in status.message for status in editor.statuses)
