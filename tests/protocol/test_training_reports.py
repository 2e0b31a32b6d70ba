"""What a trainer tells the daemon comes to all its clients, and into the editor."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from editor import Editor, capabilities, editing
from lsprotocol import types

from squill.client import DaemonClient
from squill.errors import InvalidParamsError
from surroundings import own_environment, socket_of, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


TABLE = "CREATE TABLE students (Name TEXT, Age INT);\n\n"
QUESTION = "How old is Wang Junjian?"
TEXT = f"{TABLE}-- {QUESTION}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / ".squill").mkdir(parents=True)
    return folder


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    answers = json.dumps({QUESTION: ["SELECT Age FROM students"]})
    async with own_environment(tmp_path, SQUILL_FAKE_ANSWERS=answers) as own:
        yield own


@pytest.fixture
async def editor(environment: dict[str, str], folder: Path) -> AsyncIterator[Editor]:
    """One that is connected to the daemon."""
    async with editing(environment, capabilities(progress=True), folder=folder) as started:
        started.open(TEXT)
        assert await started.ghost_text(TEXT)
        await started.status("ready")
        yield started


@pytest.fixture
async def trainer(editor: Editor) -> AsyncIterator[DaemonClient]:
    async with await DaemonClient.connect(socket_of(editor.environment)) as client:
        yield client


async def report(trainer: DaemonClient, folder: Path, state: str, **more: Any) -> None:
    await trainer.call("training/report", {"workspace": str(folder), "state": state, **more})


def shown(editor: Editor) -> list[Any]:
    """The reports of the one progress on learning."""
    title = "Squill: learning your example pairs"
    found = editor.client.progress_reports.values()
    ours = (reports for reports in found if reports and reports[0].title == title)
    return [report for reports in ours for report in reports]


def has_ended(editor: Editor) -> bool:
    return any(isinstance(report, types.WorkDoneProgressEnd) for report in shown(editor))


async def test_every_client_hears_of_it_and_the_status_names_it_while_it_goes_on(
    client: DaemonClient,
) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    told = {"workspace": "/shop", "state": "learning", "message": "", "step": 1, "steps": 9}
    async with await DaemonClient.connect(
        on_notification=lambda *notification: heard.put_nowait(notification)
    ) as other:
        async with await DaemonClient.connect() as trainer:
            await trainer.call("training/report", told)
            assert await heard.get() == ("training/changed", told | {"adapter": ""})
            assert (await client.call("status"))["trainings"] == [told | {"adapter": ""}]
        method, end = await heard.get()  # killed: it said no last word
        assert (method, end["workspace"], end["state"]) == ("training/changed", "/shop", "gone")
        assert (await other.call("status"))["trainings"] == []
        with pytest.raises(InvalidParamsError):
            await other.call("training/report", {"state": "asleep"})


async def test_the_editor_shows_a_training_from_its_beginning_to_one_line(
    editor: Editor, trainer: DaemonClient, folder: Path
) -> None:
    await report(trainer, folder, "learning", message="measuring what is in use")
    assert (await editor.status("learning")).message == "Learning example pairs (0 %)"
    await report(trainer, folder, "learning", step=3, steps=12)
    await editor.until(lambda: "(25 %)" in editor.statuses[-1].message)
    line = "learned 12 pairs: 4/10 → 9/10, adapter 7f3a"
    await report(trainer, folder, "done", message=line, adapter="7f3a" * 16)
    ready = await editor.status("ready")
    assert (ready.message, ready.adapter) == (line, "7f3a" * 16)
    await until(lambda: has_ended(editor))
    _, *reports, end = shown(editor)
    assert [each.percentage for each in reports] == [0, 25]
    assert reports[0].message == "measuring what is in use"
    assert end.message == line


async def test_a_training_that_was_killed_leaves_no_progress_behind(
    editor: Editor, trainer: DaemonClient, folder: Path
) -> None:
    await report(trainer, folder, "waiting", message="waiting for mains power")
    assert "mains power" in (await editor.status("learning")).message
    await trainer.close()
    await editor.status("ready")
    await until(lambda: has_ended(editor))
    assert shown(editor)[-1].message is None


async def test_answers_go_on_while_it_learns(
    editor: Editor, trainer: DaemonClient, folder: Path
) -> None:
    await report(trainer, folder, "learning")
    await editor.status("learning")
    text = TEXT.replace("How old", "How young")
    editor.edit(text)
    assert await editor.ghost_text(text) is None  # the script does not know this one
    await editor.until(lambda: editor.statuses[-2].state == "thinking")
    assert editor.statuses[-1].state == "learning"


async def test_trainings_of_other_folders_are_not_shown(
    editor: Editor, trainer: DaemonClient, folder: Path
) -> None:
    editor.statuses.clear()
    await report(trainer, folder / "elsewhere", "learning")
    await report(trainer, folder, "done", message="There are no example pairs.")
    await editor.until(lambda: bool(editor.statuses))
    assert [status.message for status in editor.statuses] == ["There are no example pairs."]
    assert shown(editor) == []


async def test_an_editor_that_connects_later_sees_what_goes_on(
    editor: Editor, trainer: DaemonClient, folder: Path
) -> None:
    await report(trainer, folder, "learning", step=6, steps=12)
    async with editing(editor.environment, folder=folder) as later:
        later.open(TEXT)
        assert await later.ghost_text(TEXT)
        assert "(50 %)" in (await later.status("learning")).message


async def test_what_was_learned_is_told_with_its_trainings(editor: Editor, folder: Path) -> None:
    found: Any = await editor.client.workspace_execute_command_async(
        types.ExecuteCommandParams("squill.learned", [{}])
    )
    nothing = {"active": None, "adapters": [], "problems": [], "trainings": []}
    assert found == {"workspace": str(folder), **nothing}
