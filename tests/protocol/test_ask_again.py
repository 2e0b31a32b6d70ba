"""`squill ask` when its daemon ends in mid-request."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from squill.errors import DaemonStoppingError
from squill.paths import runtime_paths
from stub_daemon import StubDaemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUESTION = "How old is Wang?"
SQL = "SELECT Age FROM students"
STOPPING = DaemonStoppingError("The daemon is stopping.")
TROUBLE = 3


@pytest.fixture
def socket(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The daemon's, in a folder with a schema; nothing that is started to listen there can."""
    (own_folders / "students.sql").write_text("CREATE TABLE students (Name TEXT, Age INT);")
    monkeypatch.chdir(own_folders)
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", "/bin/false")
    with tempfile.TemporaryDirectory(prefix="squill-", dir="/tmp") as runtime:
        monkeypatch.setenv("SQUILL_RUNTIME_DIR", runtime)
        yield runtime_paths().socket


async def ask() -> tuple[int | None, str, str]:
    """Exit code, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "squill", "ask", QUESTION),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ,
    )
    said, complained = await process.communicate()
    return process.returncode, said.decode(), complained.decode()


def stub(socket: Path, failure: DaemonStoppingError | None = None) -> StubDaemon:
    return StubDaemon(socket, {QUESTION: [SQL]}, failure=failure)


@pytest.mark.parametrize("failure", [STOPPING, None], ids=["stopping", "killed"])
async def test_the_next_daemon_is_asked_once(
    socket: Path, failure: DaemonStoppingError | None
) -> None:
    async with stub(socket, failure) as first:
        first.holds = failure is None
        asking = asyncio.create_task(ask())
        await first.until(lambda: first.questions == [QUESTION])
        async with stub(socket) as second:
            await first.end()
            assert await asking == (0, f"{SQL};\n", "")
            assert (first.questions, second.questions) == ([QUESTION], [QUESTION])


async def test_no_third_daemon_is_asked(socket: Path) -> None:
    async with stub(socket, STOPPING) as first:
        asking = asyncio.create_task(ask())
        await first.until(lambda: first.questions == [QUESTION])
        async with stub(socket, STOPPING) as second:
            await first.end()
            assert await asking == (TROUBLE, "", f"squill ask: {STOPPING.message}\n")
            assert second.questions == [QUESTION]
