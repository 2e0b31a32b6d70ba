"""How often a real ``squill lsp`` asks the daemon, and what it says while that is silent."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from editor import DOCUMENT, Editor, capabilities, editing
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from squill.errors import DaemonStoppingError
from squill.paths import PROTOCOL_VERSION
from stub_daemon import StubDaemon
from surroundings import own_environment, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TABLE = "CREATE TABLE students (Name TEXT, Age INT, School TEXT);\n\n"
AGE = "How old is Wang Junjian?"
AGE_SQL = "SELECT Age FROM students WHERE Name = 'Wang Junjian'"
SCHOOL = "Which schools are there?"
SCHOOL_SQL = "SELECT DISTINCT School FROM students"
ANSWERS = {AGE: [AGE_SQL], SCHOOL: [SCHOOL_SQL]}


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    async with own_environment(tmp_path, SQUILL_DAEMON_COMMAND="/bin/false") as own:
        own["SQUILL_DAEMON_COMMAND"] = "/bin/false"
        yield own


def stub(environment: dict[str, str]) -> StubDaemon:
    runtime = Path(environment["SQUILL_RUNTIME_DIR"])
    return StubDaemon(runtime / f"daemon-v{PROTOCOL_VERSION}.sock", ANSWERS)


@pytest.fixture
async def daemon(environment: dict[str, str]) -> AsyncIterator[StubDaemon]:
    async with stub(environment) as listening:
        yield listening


@pytest.fixture
async def editor(environment: dict[str, str], daemon: StubDaemon) -> AsyncIterator[Editor]:
    assert not daemon.asked
    async with editing(environment, capabilities(progress=True)) as started:
        yield started


async def test_a_cursor_that_comes_back_and_an_undone_edit_ask_nothing_again(
    editor: Editor, daemon: StubDaemon
) -> None:
    first = f"{TABLE}-- {AGE}\n"
    second = f"{first}\n-- {SCHOOL}\n"
    editor.open(second)
    for _ in range(3):
        assert await editor.ghost_text(first) == f"{first}{AGE_SQL};"
        assert await editor.ghost_text(second) == f"{second}{SCHOOL_SQL};"
        editor.edit(second + "SELECT 1")
        editor.edit(second)
    assert daemon.questions == [AGE, SCHOOL]


async def test_documents_with_the_same_question_and_tables_share_its_answer(
    editor: Editor, daemon: StubDaemon
) -> None:
    editor.open(TABLE, uri="untitled:tables.sql")
    text = f"-- {AGE}\n"
    for name in ("one", "two", "three"):
        uri = f"untitled:{name}.sql"
        editor.open(text, uri=uri)
        assert await editor.ghost_text(text, uri) == f"{text}{AGE_SQL};"
    assert daemon.questions == [AGE]


async def test_typing_the_statement_along_asks_nothing_again(
    editor: Editor, daemon: StubDaemon
) -> None:
    text = f"{TABLE}-- {AGE}\n"
    wanted = f"{text}{AGE_SQL};"
    editor.open(text)
    assert await editor.ghost_text(text, automatic=True) == wanted
    for key in AGE_SQL[:-1]:
        editor.edit(key, editor.end_of(text))
        text += key
        assert await editor.ghost_text(text, automatic=True) == wanted
    assert daemon.questions == [AGE]


async def test_finishing_the_comment_asks_nothing_again(editor: Editor, daemon: StubDaemon) -> None:
    editor.open(TABLE)
    comment = f"{TABLE}-- {AGE}"
    for text in (comment, f"{comment} ", f"{comment}\n", f"{comment}\n\n", comment[:-1]):
        editor.edit(text)
        shown = await editor.ghost_text(text)
        assert shown is not None
        assert shown.endswith(f"{AGE_SQL};")
    assert daemon.questions == [AGE]


async def test_a_comment_typed_without_a_pause_is_asked_about_at_its_end(
    editor: Editor, daemon: StubDaemon
) -> None:
    editor.open(TABLE)
    text, asked = TABLE, []
    for key in f"-- {AGE}\n":
        editor.edit(key, editor.end_of(text))
        text += key
        asked.append(asyncio.ensure_future(editor.inline(text, automatic=True)))
    *stale, last = await asyncio.gather(*asked)
    assert await editor.accept(text, last) == f"{text}{AGE_SQL};"
    assert not any(stale)
    # One more at most for each stall of the machine that looks like a pause.
    assert len(daemon.questions) < len(asked) // 4
    assert daemon.questions[-1] == AGE


async def test_what_the_daemon_tells_of_itself_ends_the_answers_before(
    editor: Editor, daemon: StubDaemon
) -> None:
    text = f"{TABLE}-- {AGE}\n"
    editor.open(text)
    await editor.ghost_text(text)
    daemon.tell("ready", "Another adapter is active.")
    await editor.until(lambda: "adapter" in editor.statuses[-1].message)
    daemon.answers = {AGE: ["SELECT Age FROM students"]}
    assert await editor.ghost_text(text) == f"{text}SELECT Age FROM students;"
    assert daemon.questions == [AGE, AGE]


async def test_a_cancelled_request_is_cancelled_in_the_daemon(
    editor: Editor, daemon: StubDaemon
) -> None:
    daemon.holds = True
    text = f"{TABLE}-- {AGE}\n"
    editor.open(text)
    asking = asyncio.ensure_future(
        editor.client.protocol.send_request_async(
            types.TEXT_DOCUMENT_INLINE_COMPLETION, editor.inline_params(text), "mine"
        )
    )
    await daemon.until(lambda: daemon.questions == [AGE])
    editor.client.cancel_request(types.CancelParams("mine"))
    await daemon.until(lambda: len(daemon.cancelled) == 1)
    with pytest.raises(JsonRpcException):
        await asking


async def prefills(daemon: StubDaemon, count: int) -> None:
    await daemon.until(lambda: daemon.count("prefill") == count)


async def test_the_tables_are_read_before_the_question_and_again_when_they_change(
    editor: Editor, daemon: StubDaemon
) -> None:
    editor.open(TABLE)
    await prefills(daemon, 1)
    editor.edit("-- Which schools", editor.end_of(TABLE))
    editor.edit("ALTER TABLE students ADD Town TEXT;\n", types.Position(1, 0))
    await prefills(daemon, 2)
    columns = [
        [column["name"] for column in params["schema"]["tables"][0]["columns"]]
        for method, params in daemon.asked
        if method == "prefill"
    ]
    assert [len(names) for names in columns] == [3, 4]


async def test_files_that_change_are_read_again_too(
    environment: dict[str, str], daemon: StubDaemon, tmp_path: Path
) -> None:
    schema = tmp_path / "schema.sql"
    schema.write_text(TABLE)
    async with editing(environment, folder=tmp_path) as editor:
        editor.open("")
        await prefills(daemon, 1)
        schema.write_text(TABLE.replace("School", "Town"))
        event = types.FileEvent(schema.as_uri(), types.FileChangeType.Changed)
        editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
        await prefills(daemon, 2)
        assert daemon.asked[-1][1]["workspace"] == str(tmp_path)


async def test_a_comment_wakes_a_daemon_that_gave_its_memory_back_and_other_edits_do_not(
    editor: Editor, daemon: StubDaemon
) -> None:
    editor.open(TABLE)
    await prefills(daemon, 1)
    daemon.tell("idle", "The model's memory was given back. The next question loads it again.")
    assert "given back" in (await editor.status("idle")).message
    other = "untitled:other.sql"
    editor.open("CREATE TABLE teachers (Name TEXT);\n\n", uri=other)
    editor.edit("SELECT", types.Position(1, 0), uri=other)
    editor.edit("-- Which schools", editor.end_of(TABLE))
    await prefills(daemon, 2)
    editor.edit(" are there", editor.end_of(f"{TABLE}-- Which schools"))
    daemon.tell("loading")
    daemon.tell("ready")
    await editor.status("ready")
    tables = [table["name"] for table in daemon.asked[-1][1]["schema"]["tables"]]
    assert sorted(tables) == ["students", "teachers"]


async def test_a_question_waits_for_a_model_that_is_loaded_again_and_progress_shows_it(
    editor: Editor, daemon: StubDaemon
) -> None:
    text = f"{TABLE}-- {AGE}\n"
    editor.open(text)
    await editor.status("ready")
    daemon.tell("idle", "The model's memory was given back.")
    await editor.status("idle")
    daemon.holds = True
    asking = asyncio.create_task(editor.ghost_text(text))
    await daemon.until(lambda: daemon.questions == [AGE])
    daemon.tell("loading", "The model is being loaded.")
    await editor.status("loading")
    await until(lambda: shown_progress(editor) == 1)
    daemon.tell("ready", "The model is ready.")
    await editor.status("thinking")
    daemon.release()
    assert await asking == f"{text}{AGE_SQL};"
    await until(lambda: shown_progress(editor) == 0)
    await editor.status("ready")


def shown_progress(editor: Editor) -> int:
    """How many progresses have begun and not ended."""
    reports = editor.client.progress_reports.values()
    kinds = [report.kind for found in reports for report in found]
    return kinds.count("begin") - kinds.count("end")


async def test_a_question_that_a_stopping_daemon_left_is_asked_of_the_next(
    editor: Editor, daemon: StubDaemon, environment: dict[str, str]
) -> None:
    daemon.failure = DaemonStoppingError("The daemon is stopping.")
    text = f"{TABLE}-- {AGE}\n"
    editor.open(text)
    asking = asyncio.create_task(editor.ghost_text(text))
    await daemon.until(lambda: daemon.questions == [AGE])
    async with stub(environment) as following:
        await daemon.end()
        assert await asking == f"{text}{AGE_SQL};"
        assert (daemon.questions, following.questions) == ([AGE], [AGE])


async def test_a_request_where_no_question_is_says_so(editor: Editor, daemon: StubDaemon) -> None:
    editor.open(f"{TABLE}SELECT 1;\n")
    assert await editor.ghost_text(f"{TABLE}SELECT 1;\n") is None
    await editor.until(lambda: "Nothing shown" in editor.statuses[-1].message)
    told = len(editor.statuses)
    assert await editor.ghost_text(TABLE, automatic=True) is None
    assert not [s for s in editor.statuses[told:] if "cursor" in s.message]
    assert not daemon.questions


async def test_an_action_whose_comment_has_gone_says_so(editor: Editor, daemon: StubDaemon) -> None:
    editor.open(f"{TABLE}-- {AGE}\n")
    at = editor.end_of(f"{TABLE}-- How")
    offered = await editor.client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(DOCUMENT), types.Range(at, at), types.CodeActionContext([])
        )
    )
    assert offered
    assert isinstance(offered[0], types.CodeAction)
    editor.edit(TABLE)
    resolved = await editor.client.code_action_resolve_async(offered[0])
    assert resolved.edit is None
    await editor.until(lambda: "the comment has changed" in editor.statuses[-1].message)
    assert not daemon.questions


async def test_a_daemon_that_hangs_is_named_in_the_status(tmp_path: Path) -> None:
    async with own_environment(tmp_path) as environment, editing(environment) as editor:
        text = f"{TABLE}-- hang on for ever\n"
        editor.open(text)
        asking = asyncio.create_task(editor.ghost_text(text))
        await editor.status("thinking")
        async with await editor.daemon() as daemon:
            process = (await daemon.call("status"))["pid"]
        os.kill(process, signal.SIGSTOP)
        try:
            assert await asking is None
            trouble = await editor.status("trouble")
            assert trouble.message == "The daemon does not answer. Run `squill daemon restart`."
        finally:
            os.kill(process, signal.SIGCONT)
