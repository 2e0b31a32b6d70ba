"""Ghost text through a real ``squill lsp`` and a real daemon with a scripted model."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
from editor import UTF8, UTF16, Editor, capabilities, editing
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from surroundings import own_environment, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from squill.client import DaemonClient

TABLE = "CREATE TABLE students (Name TEXT, Age INT, School TEXT);\n\n"
QUESTION = "How old is Wang Junjian?"
SQL = "SELECT Age FROM students WHERE Name = 'Wang Junjian'"

ANSWERS = {
    QUESTION: [SQL],
    "Qui a le café 😀 ?": [SQL],
    "Name a column that is not there": ["SELECT Weight FROM students"],
    "Name a table that is not there": ["SELECT Name FROM teachers"],
    "Write nonsense please": ["SELECT FROM WHERE"],
    "List the teachers": ["SELECT Name FROM teachers"],
    "Three ways, please": ["SELECT Age FROM students", "SELECT Name FROM students"],
}

UNFIT = [
    "Name a column that is not there",
    "Name a table that is not there",
    "Write nonsense please",
    "Something the model does not know",
]


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    async with own_environment(tmp_path, SQUILL_FAKE_ANSWERS=json.dumps(ANSWERS)) as own:
        yield own


@pytest.fixture
async def editor(environment: dict[str, str]) -> AsyncIterator[Editor]:
    async with editing(environment) as started:
        yield started


async def test_a_comment_in_an_unsaved_buffer_gets_its_query(editor: Editor) -> None:
    text = f"{TABLE}-- {QUESTION}"
    editor.open(text)
    assert await editor.ghost_text(text) == f"{text}\n{SQL};"


async def test_typing_the_comment_key_by_key_ends_in_its_query(editor: Editor) -> None:
    editor.open(TABLE)
    text = TABLE
    for key in f"-- {QUESTION}\n":
        editor.edit(key, editor.end_of(text))
        text += key
    assert await editor.ghost_text(text, automatic=True) == f"{text}{SQL};"


async def test_a_begun_statement_is_continued(editor: Editor) -> None:
    text = f"{TABLE}  -- {QUESTION}\n  select a"
    editor.open(text)
    wanted = "  select age from students where Name = 'Wang Junjian';"
    accepted = await editor.ghost_text(text)
    assert accepted == f"{TABLE}  -- {QUESTION}\n{wanted}"


@pytest.mark.parametrize("encodings", [(*UTF8, *UTF16), (*UTF16, *UTF8)], ids=["utf-8", "utf-16"])
async def test_positions_follow_the_clients_encoding(
    environment: dict[str, str], encodings: tuple[types.PositionEncodingKind, ...]
) -> None:
    async with editing(environment, capabilities(encodings=encodings)) as editor:
        assert editor.encoding == encodings[0].value
        text = f"{TABLE}/* é😀 */ -- 😀 é\n\n-- Qui a le café 😀 ?"
        editor.open(text)
        assert await editor.ghost_text(text) == f"{text}\n{SQL};"
        editor.edit(" é😀", editor.end_of(text.split("\n\n-- Qui")[0]))
        editor.edit("\n", editor.end_of(text))
        assert await editor.ghost_text(text + "\n") == f"{text}\n{SQL};"


async def test_what_does_not_parse_and_bind_is_not_shown_and_the_status_says_why(
    editor: Editor,
) -> None:
    editor.open(TABLE)
    for question in UNFIT:
        text = f"{TABLE}-- {question}\n"
        editor.edit(text)
        editor.statuses.clear()
        assert await editor.ghost_text(text) is None, question
        await editor.until(lambda: any("Nothing shown" in s.message for s in editor.statuses))


async def test_without_tables_the_status_says_what_is_missing(editor: Editor) -> None:
    text = f"-- {QUESTION}\n"
    editor.open(text)
    assert await editor.ghost_text(text) is None
    await editor.until(lambda: "CREATE TABLE" in editor.statuses[-1].message)


async def test_the_dialect_and_what_decided_it_are_shown(editor: Editor) -> None:
    text = "CREATE TABLE students (Id SERIAL, Name TEXT, Age INT, Data JSONB);\n-- how many\n"
    editor.open(text)
    await editor.ghost_text(text)
    await editor.until(lambda: editor.statuses[-1].dialect == "postgres")
    assert editor.statuses[-1].dialectOrigin == "guess"
    editor.edit("-- dialect: mysql\n" + TABLE)
    await editor.ghost_text("-- dialect: mysql\n" + TABLE)
    await editor.until(lambda: editor.statuses[-1].dialect == "mysql")
    assert editor.statuses[-1].dialectOrigin == "header"


async def test_cancelling_stops_the_model_within_one_token(
    environment: dict[str, str], tmp_path: Path
) -> None:
    pace = tmp_path / "pace"
    pace.write_bytes(b"123")
    environment["SQUILL_FAKE_PACE"] = str(pace)
    text = f"{TABLE}-- pace yourself please\n"
    async with editing(environment) as editor:
        editor.open(text)
        asking = asyncio.ensure_future(
            editor.client.protocol.send_request_async(
                types.TEXT_DOCUMENT_INLINE_COMPLETION, editor.inline_params(text), "mine"
            )
        )
        await _decoding(editor)
        async with await editor.daemon() as daemon:
            await until(lambda: _has_written(daemon, 3))
            editor.client.cancel_request(types.CancelParams("mine"))
            with pytest.raises(JsonRpcException) as caught:
                await asking
            assert caught.value.code == types.LSPErrorCodes.RequestCancelled
            # The cancel is on its way before its answer; two calls later it has arrived.
            for _ in range(2):
                await daemon.call("status")
            pace.write_bytes(b"x" * 100)
            await until(lambda: _is_idle(daemon))
            status = await daemon.call("status")
            assert status["tokens_generated"] == 4
            assert not any(status["requests"].values())


async def test_a_newer_edit_stops_the_model_and_answers_null(editor: Editor) -> None:
    text = f"{TABLE}-- hang on for ever\n"
    editor.open(text)
    asking = asyncio.create_task(editor.inline(text))
    await _decoding(editor)
    editor.edit("SELECT", editor.end_of(text))
    assert await asking is None
    await _idle_for_good(editor)


async def test_a_newer_question_stops_the_older(editor: Editor) -> None:
    text = f"{TABLE}-- hang on for ever\n\n-- {QUESTION}\n"
    editor.open(text)
    asking = asyncio.create_task(editor.inline(f"{TABLE}-- hang on for ever\n"))
    await _decoding(editor)
    assert await editor.ghost_text(text) == f"{text}{SQL};"
    assert await asking is None
    await _idle_for_good(editor)


async def _decoding(editor: Editor) -> None:
    """Returns when the model is writing."""
    await editor.status("thinking")
    async with await editor.daemon() as daemon:
        await until(lambda: _has_written(daemon, 1))


async def _idle_for_good(editor: Editor) -> None:
    """Waits until nothing runs; two requests through the model thread then generate no token."""
    async with await editor.daemon() as daemon:
        await until(lambda: _is_idle(daemon))
        before = await _figure(daemon, "tokens_generated")
        for _ in range(2):
            await daemon.call("prefill", {"schema": TABLE})
        assert await _figure(daemon, "tokens_generated") == before


async def _figure(daemon: DaemonClient, name: str) -> int:
    return int((await daemon.call("status"))[name])


async def _has_written(daemon: DaemonClient, tokens: int) -> bool:
    return await _figure(daemon, "tokens_generated") >= tokens


async def _is_idle(daemon: DaemonClient) -> bool:
    return not await _figure(daemon, "queue")


async def test_a_daemon_killed_in_mid_request_costs_no_restart_of_the_server(
    editor: Editor,
) -> None:
    text = f"{TABLE}-- hang on for ever\n"
    editor.open(text)
    asking = asyncio.create_task(editor.inline(text))
    await _decoding(editor)
    async with await editor.daemon() as daemon:
        killed = (await daemon.call("status"))["pid"]
    os.kill(killed, signal.SIGKILL)
    text = f"{TABLE}-- {QUESTION}\n"
    editor.edit(text)
    assert await asking is None
    assert await editor.ghost_text(text) == f"{text}{SQL};"
    async with await editor.daemon() as daemon:
        assert (await daemon.call("status"))["pid"] != killed


async def test_a_daemon_killed_in_mid_request_is_asked_again(editor: Editor) -> None:
    text = f"{TABLE}-- hang on for ever\n"
    editor.open(text)
    asking = asyncio.create_task(editor.inline(text))
    await _decoding(editor)
    async with await editor.daemon() as daemon:
        os.kill((await daemon.call("status"))["pid"], signal.SIGKILL)
    await editor.status("starting")
    await _decoding(editor)
    editor.edit("", editor.end_of(text))
    assert await asking is None


async def test_a_daemon_that_cannot_start_is_one_status_and_no_error(
    environment: dict[str, str],
) -> None:
    environment["SQUILL_DAEMON_COMMAND"] = "/bin/false"
    async with editing(environment) as editor:
        text = f"{TABLE}-- {QUESTION}\n"
        editor.open(text)
        assert await editor.ghost_text(text) is None
        assert "could not be started" in (await editor.status("trouble")).message
        assert await editor.ghost_text(text) is None
        assert [status.state for status in editor.statuses].count("trouble") == 1


async def test_without_autostart_the_status_says_how_to_start_the_daemon(
    environment: dict[str, str],
) -> None:
    options = {"daemon": {"autostart": False}}
    async with editing(environment, options=options) as editor:
        text = f"{TABLE}-- {QUESTION}\n"
        editor.open(text)
        assert await editor.ghost_text(text) is None
        assert "squill daemon start" in (await editor.status("trouble")).message


async def test_two_editors_that_start_at_once_share_one_daemon(
    environment: dict[str, str],
) -> None:
    text = f"{TABLE}-- {QUESTION}\n"
    async with editing(environment) as one, editing(environment) as other:
        for editor in (one, other):
            editor.open(text)
        found = await asyncio.gather(one.ghost_text(text), other.ghost_text(text))
        assert found == [f"{text}{SQL};"] * 2


async def test_a_request_of_no_open_document_is_answered_with_nothing(editor: Editor) -> None:
    assert await editor.ghost_text("-- how old?\n") is None
