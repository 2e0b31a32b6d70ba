"""An editor's side of `squill lsp`: two documents, the schema's and the one being written."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from typing import TYPE_CHECKING, Any

import psutil

from squill.children import own_module

if TYPE_CHECKING:
    from latency_schemas import Design

_HEADER = "-- dialect: sqlite\n\n"
_INVOKED = 1
"""The editor itself has seen the pause; it does not ask the server to wait for one."""
_SCHEMA, _QUERY = "untitled:schema.sql", "untitled:query.sql"


class Editor:
    """As a `Writer`, through the language server: what a user of Squill has."""

    name = "Squill"

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = psutil.Process(process.pid)
        self._started = process
        self._stdin, self._stdout = process.stdin, process.stdout
        self._ids = itertools.count(1)
        self._versions = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._text = _HEADER
        self._is_open = False
        self._reading = asyncio.create_task(self._read())

    async def switch(self, design: Design) -> None:
        for uri in (_SCHEMA, _QUERY) if self._is_open else ():
            self._notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        self._is_open = True
        for uri, text in ((_SCHEMA, design.ddl), (_QUERY, _HEADER)):
            item = {"uri": uri, "languageId": "sql", "version": next(self._versions), "text": text}
            self._notify("textDocument/didOpen", {"textDocument": item})

    async def edit(self, design: Design) -> None:
        self._change(_SCHEMA, design.ddl)

    async def typed(self, question: str, statement: str | None) -> None:
        below = "" if statement is None else f"\n{statement}"
        self._text = f"{_HEADER}-- {question}{below}" if question else _HEADER
        self._change(_QUERY, self._text)

    def get_ready(self) -> None:
        """Nothing: rendering and reading the schema are the product's own work."""

    async def suggestion(self) -> str | None:
        *above, last = self._text.split("\n")
        params = {
            "textDocument": {"uri": _QUERY},
            "position": {"line": len(above), "character": len(last)},
            "context": {"triggerKind": _INVOKED},
        }
        found = await self._request("textDocument/inlineCompletion", params)
        items = found["items"] if isinstance(found, dict) else found or []
        return str(items[0]["insertText"]) if items else None

    async def close(self) -> None:
        await self._request("shutdown", None)
        self._notify("exit", None)
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading
        await self._started.wait()

    def _change(self, uri: str, text: str) -> None:
        document = {"uri": uri, "version": next(self._versions)}
        change = {"textDocument": document, "contentChanges": [{"text": text}]}
        self._notify("textDocument/didChange", change)

    async def _request(self, method: str, params: Any) -> Any:
        number = next(self._ids)
        reply = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._send({"id": number, "method": method, "params": params})
        try:
            return await reply
        except asyncio.CancelledError:
            self._notify("$/cancelRequest", {"id": number})
            raise
        finally:
            del self._waiting[number]

    def _notify(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0"} | message).encode()
        self._stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    async def _read(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await self._stdout.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                self._receive(json.loads(await self._stdout.readexactly(length)))
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(RuntimeError("squill lsp has ended"))

    def _receive(self, message: dict[str, Any]) -> None:
        if "method" in message:
            if "id" in message:  # what the server asks for, such as file watchers: not had here
                self._send({"id": message["id"], "result": None})
            return
        reply = self._waiting.get(message["id"])
        if reply is None or reply.done():
            return
        if error := message.get("error"):
            reply.set_exception(RuntimeError(f"squill lsp answered {error}"))
        else:
            reply.set_result(message.get("result"))

    @classmethod
    async def start(cls) -> Editor:
        """With the environment's folders, so that it finds the daemon that runs there."""
        process = await asyncio.create_subprocess_exec(
            *own_module("squill", "lsp"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        editor = cls(process)
        capabilities: dict[str, Any] = {"textDocument": {"inlineCompletion": {}}}
        initialize = {"processId": None, "rootUri": None, "capabilities": capabilities}
        await editor._request("initialize", initialize)
        editor._notify("initialized", {})
        return editor
