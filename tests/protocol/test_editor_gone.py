"""The language server leaves with its editor, whoever holds its standard input open."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from squill_lsp import server

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

from surroundings import own_environment


def framed(**message: Any) -> bytes:
    body = json.dumps({"jsonrpc": "2.0"} | message).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


async def test_the_server_ends_once_the_editors_process_is_gone(tmp_path: Path) -> None:
    async with own_environment(tmp_path) as environment:
        editor = await asyncio.create_subprocess_exec("sleep", "600")
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "squill_lsp"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )
        assert server.stdin is not None
        assert server.stdout is not None
        root = {"processId": editor.pid, "rootUri": tmp_path.as_uri(), "capabilities": {}}
        server.stdin.write(framed(id=1, method="initialize", params=root))
        server.stdin.write(framed(method="initialized", params={}))
        await server.stdin.drain()
        await server.stdout.readline()
        editor.kill()
        await editor.wait()
        # Its standard input stays open; what it still writes is read away.
        while await server.stdout.read(65536):
            pass
        assert await server.wait() == 1


async def test_a_process_that_is_not_there_to_begin_with_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its number is of another machine or container."""
    waited: list[int] = []

    async def leave_with(pid: int, _: object) -> None:
        waited.append(pid)

    monkeypatch.setattr(server, "leave_with", leave_with)
    monkeypatch.setattr(server, "is_alive", lambda pid: pid == 1)
    squill = server.SquillServer()
    for pid in (0, 12345, 1):
        squill.watch_editor(pid)
    await asyncio.sleep(0)
    assert waited == [1]
