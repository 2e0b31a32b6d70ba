"""The soak's clients: each connection keeps account of the replies that are due to it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgpack

from squill.paths import PROTOCOL_VERSION, runtime_paths
from squill.wire import Decoder, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

REPLY_SECONDS = 120.0
"""A request that is not answered for so long counts as never answered."""

CLOSED = {"code": "closed", "message": "The daemon closed the connection."}


@dataclass(frozen=True)
class Asked:
    """What an answer follows from; ``adapter`` is a digest, "" for the base model."""

    adapter: str
    schema: str
    question: str
    n: int


Outcome = tuple[str | None, tuple[str, ...]]
"""Why it was refused, and the candidates."""


@dataclass
class Ledger:
    """What all clients did and saw. ``violations`` are sentences; there should be none."""

    sent: Counter[str] = field(default_factory=Counter)
    replies: Counter[str] = field(default_factory=Counter)
    answers: dict[Asked, set[Outcome]] = field(default_factory=lambda: defaultdict(set))
    milliseconds: list[float] = field(default_factory=list)
    violations: Counter[str] = field(default_factory=Counter)

    def note_answer(self, params: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        refused = result["refused"]
        if refused and "Time ran out" in refused:
            self.replies["(out of time)"] += 1
            return
        asked = Asked(
            result["adapter"] or "", params["schema"], params["question"], params.get("n", 1)
        )
        outcome = (refused, tuple(c["sql"] for c in result["candidates"]))
        self.answers[asked].add(outcome)


class Session:
    """One greeted connection, read by a task of its own. Made by `opened`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ledger: Ledger
    ) -> None:
        self._reader, self._writer, self._ledger = reader, writer, ledger
        self._due: dict[int, list[asyncio.Future[Response]]] = defaultdict(list)
        self._last = 0
        self._leaving = False
        self._reading = asyncio.create_task(self._read())

    async def ask(
        self, method: str, params: Mapping[str, Any], *, times: int = 1, cancel_after: float = -1.0
    ) -> list[tuple[Any, Any]]:
        """Error and result of each reply; ``times`` sends the same request under one id."""
        self._last += 1
        number, began = self._last, time.monotonic()
        replies = [asyncio.get_running_loop().create_future() for _ in range(times)]
        self._due[number] += replies
        self._ledger.sent[method] += times
        for _ in range(times):
            self._send([0, number, method, [dict(params)]])
        if cancel_after >= 0:
            await asyncio.sleep(cancel_after)
            self._ledger.sent["cancel"] += 1
            self._send([2, "cancel", [{"id": number}]])
        _, missing = await asyncio.wait(replies, timeout=REPLY_SECONDS)
        for reply in missing:
            self._ledger.violations[f"no reply to {method} in {REPLY_SECONDS:.0f} s"] += 1
            reply.set_result(Response(number, CLOSED))
        if method == "generate":
            self._ledger.milliseconds.append(1000 * (time.monotonic() - began))
        return [(reply.result().error, reply.result().result) for reply in replies]

    def _send(self, message: list[Any]) -> None:
        self._writer.write(msgpack.packb(message))

    def send_bytes(self, data: bytes) -> None:
        """Whatever it is; from here on the daemon may close the connection."""
        self._leaving = True
        self._writer.write(data)

    async def _read(self) -> None:
        decoder = Decoder()
        with contextlib.suppress(OSError):
            while data := await self._reader.read(1 << 16):
                for message in decoder.feed(data):
                    if isinstance(message, Response):
                        self._settle(message)
        if not self._leaving:
            self._ledger.violations["closed a connection that did no wrong"] += 1
        for waiting in self._due.values():
            for reply in waiting:
                if not reply.done():
                    reply.set_result(Response(None, CLOSED))

    def _settle(self, response: Response) -> None:
        code = response.error["code"] if response.error else "(result)"
        self._ledger.replies[code] += 1
        if self._leaving and response.id is None:
            return
        waiting = self._due.get(response.id if response.id is not None else -1, [])
        reply = next((reply for reply in waiting if not reply.done()), None)
        if reply is None:
            self._ledger.violations[f"a reply too many ({code})"] += 1
        else:
            reply.set_result(response)

    async def ended(self) -> None:
        """Returns when the daemon has closed the connection."""
        try:
            await asyncio.wait_for(asyncio.shield(self._reading), REPLY_SECONDS)
        except TimeoutError:
            self._ledger.violations["did not close a connection whose bytes made no sense"] += 1

    async def leave(self) -> None:
        """Close, without a word."""
        self._leaving = True
        self._writer.transport.abort()
        await self._reading


@contextlib.asynccontextmanager
async def opened(ledger: Ledger) -> Any:
    """A greeted session, left at the end."""
    reader, writer = await asyncio.open_unix_connection(runtime_paths().socket)
    session = Session(reader, writer, ledger)
    try:
        ((error, _),) = await session.ask("hello", {"protocol": PROTOCOL_VERSION})
        if error:
            ledger.violations[f"hello was refused ({error['code']})"] += 1
        yield session
    finally:
        await session.leave()
