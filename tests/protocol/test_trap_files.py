"""No Python file of an opened folder runs, whichever program of Squill is at work there."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

from surroundings import own_environment

SQUILL = Path(sys.executable).with_name("squill")
STARTED_BY_PYTHON = ("sitecustomize", "usercustomize", "conftest", "mlx_report")
COMMANDS = (
    ("ask", "how many people are there", "--schema", "tables.sql"),
    ("check", "tables.sql"),
    ("doctor", "--json"),
    ("daemon", "restart"),
    ("status",),
    ("logs",),
    ("model", "list"),
    ("pairs", "list"),
    ("adapters", "list"),
    ("train", "--once"),
    ("trust", "list"),
    ("daemon", "stop"),
)
TRAP = """
import os, pathlib
pathlib.Path(os.environ["FIRED"]).joinpath(__name__.replace(".", "-")).touch()
raise ImportError("the trap of " + __name__)
"""
IMPORTS = """
import sys
import squill.cli, squill_daemon.commands.ask, squill_daemon.server, squill_daemon.engine
import squill_lsp.server, squill_trainer.commands.train_once, squill_terminal.command
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def modules() -> frozenset[str]:
    """The top-level modules that any of the processes imports."""
    found = subprocess.run(
        [sys.executable, "-P", "-c", IMPORTS], capture_output=True, text=True, check=True
    )
    names = {name for name in found.stdout.split() if name.isidentifier()}
    assert {"squill", "squill_daemon", "squill_lsp", "random", "logging", "mlx"} <= names
    return frozenset(names | set(STARTED_BY_PYTHON)) - {"__main__"}


@pytest.fixture
def trapped(tmp_path: Path, modules: frozenset[str]) -> Iterator[Path]:
    """A folder with a file, or for half of them a package, of each module's name."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "tables.sql").write_text("CREATE TABLE people (id INTEGER, name TEXT);\n")
    (tmp_path / "fired").mkdir()
    for number, name in enumerate(sorted(modules)):
        if number % 2:
            (folder / f"{name}.py").write_text(TRAP)
        else:
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text(TRAP)
    yield folder
    assert sorted(path.name for path in (tmp_path / "fired").iterdir()) == []


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """The real daemon and trainer, as a user's shell would have them."""
    async with own_environment(tmp_path, FIRED=str(tmp_path / "fired")) as made:
        del made["SQUILL_DAEMON_COMMAND"], made["SQUILL_TRAINER_COMMAND"]
        yield made


@pytest.mark.timeout(600)
async def test_no_subcommand_runs_a_file_of_the_folder(
    trapped: Path, environment: dict[str, str]
) -> None:
    for command in COMMANDS:
        process = await asyncio.create_subprocess_exec(
            SQUILL,
            *command,
            cwd=trapped,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert b"Traceback" not in output, (command, output.decode())


@pytest.mark.timeout(300)
async def test_a_language_server_started_in_the_folder_runs_none_of_its_files(
    trapped: Path, environment: dict[str, str]
) -> None:
    """As Helix and others start it: the workspace is the working folder."""
    server = await asyncio.create_subprocess_exec(
        SQUILL,
        "lsp",
        cwd=trapped,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    document = (trapped / "report.sql").as_uri()
    text = "-- how many people are there\n"
    root = {"processId": os.getpid(), "rootUri": trapped.as_uri(), "capabilities": {}}
    opened = {"uri": document, "languageId": "sql", "version": 1, "text": text}
    await _request(server, 1, "initialize", root)
    await _send(server, {"method": "initialized", "params": {}})
    await _send(server, {"method": "textDocument/didOpen", "params": {"textDocument": opened}})
    asked = {
        "textDocument": {"uri": document},
        "position": {"line": 1, "character": 0},
        "context": {"triggerKind": 1},
    }
    answer = await _request(server, 2, "textDocument/inlineCompletion", asked)
    assert "result" in answer
    await _request(server, 3, "shutdown", None)
    await _send(server, {"method": "exit"})
    await server.wait()


async def _request(
    server: asyncio.subprocess.Process, number: int, method: str, params: Any
) -> dict[str, Any]:
    await _send(server, {"id": number, "method": method, "params": params})
    while True:
        message = await _receive(server)
        if message.get("id") == number and "method" not in message:
            return message


async def _send(server: asyncio.subprocess.Process, message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0"} | message).encode()
    assert server.stdin is not None
    server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    await server.stdin.drain()


async def _receive(server: asyncio.subprocess.Process) -> dict[str, Any]:
    assert server.stdout is not None
    length = 0
    while (line := await server.stdout.readline()).strip():
        name, _, value = line.decode().partition(":")
        length = int(value) if name.lower() == "content-length" else length
    message: dict[str, Any] = json.loads(await server.stdout.readexactly(length))
    return message
