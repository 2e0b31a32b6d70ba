"""The whole way with nothing fake: editor, language server, daemon, the model that ships."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from editor import Editor, editing

from squill.binding import bind
from squill.ddl import parse_schema
from surroundings import own_environment, processes_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TABLE = "CREATE TABLE students (Name, Age, School, Grade, Height, Weight);\n\n"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the daemon prepares once on a machine is prepared once for these tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
async def editor(tmp_path: Path, cache: Path) -> AsyncIterator[Editor]:
    async with own_environment(tmp_path, SQUILL_CACHE_DIR=str(cache)) as environment:
        del environment["SQUILL_DAEMON_COMMAND"]
        async with editing(environment) as started:
            yield started


async def ghost_statement(editor: Editor, text: str) -> str:
    """The statement that was shown; it has been checked to parse and bind."""
    after = await editor.ghost_text(text)
    assert after is not None, editor.statuses
    statement = after.removeprefix(text).strip()
    assert statement.endswith(";")
    assert bind(statement.removesuffix(";"), parse_schema(TABLE).schema).valid
    return statement


async def test_a_comment_gets_a_query_that_parses_and_binds(editor: Editor) -> None:
    text = f"{TABLE}-- How old is Wang Junjian?"
    editor.open(text)
    statement = await ghost_statement(editor, text)
    assert "students" in statement
    assert editor.statuses[-1].model


async def test_a_killed_daemon_is_replaced_without_restarting_the_server(editor: Editor) -> None:
    text = f"{TABLE}-- How old is Wang Junjian?\n"
    editor.open(text)
    before = await ghost_statement(editor, text)
    async with await editor.daemon() as daemon:
        killed = (await daemon.call("status"))["pid"]
    os.kill(killed, signal.SIGKILL)
    assert await ghost_statement(editor, text) == before
    assert killed not in [process.pid for process in processes_of(editor.environment)]
