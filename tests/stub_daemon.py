"""A daemon of the test's own making, in the test's own loop: the wire protocol and no more.

What it is asked is in ``asked``; what it answers, and whether it answers at all, is up to the test.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from squill.wire import Decoder, Notification, Request, Response, arguments, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from squill.errors import SquillError


@dataclass
class StubDaemon:
    """``answers`` maps questions to statements. ``failure`` is the reply to every `generate`.

    While ``deaf``, nothing is answered, as by a process that was stopped; while ``holds``,
    `generate` alone is not.
    """

    socket: Path
    answers: Mapping[str, list[str]] = field(default_factory=dict)
    state: str = "ready"
    adapter: str | None = None
    failure: SquillError | None = None
    holds: bool = False
    deaf: bool = False
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    _held: list[Callable[[], None]] = field(default_factory=list)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> StubDaemon:
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def end(self) -> None:
        """Close the socket and all connections, as a process that ends."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    @property
    def questions(self) -> list[str]:
        return [params["question"] for method, params in self.asked if method == "generate"]

    def count(self, method: str) -> int:
        return [asked for asked, _ in self.asked].count(method)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a message after which ``condition`` holds."""
        async with self._changed:
            await self._changed.wait_for(condition)

    def tell(self, state: str, message: str = "") -> None:
        """All clients hear of the new state."""
        self.state = state
        for writer in self._writers:
            told = {"state": state, "message": message}
            writer.write(pack(Notification("status/changed", [told])))

    def read_no_more(self) -> None:
        for writer in self._writers:
            assert isinstance(writer.transport, asyncio.ReadTransport)
            writer.transport.pause_reading()

    def release(self) -> None:
        """Answer what is held, and hold no more."""
        self.holds = False
        held, self._held = self._held, []
        for answer in held:
            answer()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        decoder = Decoder()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                for message in decoder.feed(data):
                    await self._receive(message, writer)
        self._writers.discard(writer)
        writer.transport.abort()

    async def _receive(self, message: object, writer: asyncio.StreamWriter) -> None:
        if isinstance(message, Request):
            params = arguments(message.params)
            self.asked.append((message.method, params))
            if self.holds and message.method == "generate":
                self._held.append(lambda: self._answer(message, params, writer))
            elif not self.deaf:
                self._answer(message, params, writer)
        elif isinstance(message, Notification) and message.method == "cancel":
            self.cancelled.append(arguments(message.params)["id"])
        async with self._changed:
            self._changed.notify_all()

    def _answer(
        self, request: Request, params: Mapping[str, Any], writer: asyncio.StreamWriter
    ) -> None:
        if request.method == "generate" and self.failure is not None:
            response = Response.failure(request.id, self.failure)
        else:
            response = Response(request.id, None, self._result(request.method, params))
        if not writer.transport.is_closing():
            writer.write(pack(response))
        if request.method == "shutdown":
            writer.close()

    def _result(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if method == "status":
            return {"state": self.state, "message": "", "model": "embedded", "pid": 0}
        if method != "generate":
            return {}
        found = self.answers.get(params["question"], [])[: params["n"]]
        return {
            "candidates": [{"sql": sql, "tables": [], "logprob": 0.0} for sql in found],
            "refused": None if found else "the model does not know",
            "dialect": "sqlite",
            "dialect_origin": "default",
            "model": "stub",
            "adapter": self.adapter,
            "milliseconds": {"total": 1.0},
        }
