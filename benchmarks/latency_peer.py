"""What the cases ask of either side, and of its process."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    import psutil

    from latency_prompts import Asked
    from latency_schemas import Design

_QUIET_SECONDS = 0.4
_QUIET_SHARE = 0.15  # of one core; a server that only polls its queue is below it
_LONGEST_SETTLE = 60.0


@dataclass(frozen=True)
class Answered:
    """Times in milliseconds from sending. ``first`` is that of the first text, where streamed.

    ``whole``: the model ended the answer itself.
    """

    full: float
    first: float
    text: str
    prompt: int
    cached: int
    generated: int
    whole: bool


class Peer(Protocol):
    """One side of the comparison, its process running."""

    name: str
    process: psutil.Process

    async def ask(self, asked: Asked, *, stream: bool = False, adapter: str = "") -> Answered:
        """One request from an idle client; ``stream`` gives its first text as well."""

    def busy(self, asked: Asked) -> AbstractAsyncContextManager[None]:
        """Within it, a request of somebody else decodes all the time."""

    async def vanish(self, asked: Asked, seconds: float) -> None:
        """Ask for something long, on a schema read before, and drop the connection after that."""

    async def close(self) -> None: ...


class Writer(Protocol):
    """One side of the session, as an editor sees it."""

    name: str

    async def switch(self, design: Design) -> None:
        """Another schema is being worked on."""

    async def edit(self, design: Design) -> None:
        """The schema's file changed."""

    async def typed(self, question: str, statement: str | None) -> None:
        """What stands in the document now; ``statement`` is None while the comment is typed."""

    def get_ready(self) -> None:
        """Whatever is needed for `suggestion` and not to be timed."""

    async def suggestion(self) -> str | None:
        """The query for what stands there. Cancelling the task gives it up."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def settle(process: psutil.Process) -> float:
    """Wait until the process has stopped working; gives the CPU seconds that took."""
    began = before = cpu_seconds(process)
    for _ in range(int(_LONGEST_SETTLE / _QUIET_SECONDS)):
        await asyncio.sleep(_QUIET_SECONDS)
        now = cpu_seconds(process)
        if now - before < _QUIET_SHARE * _QUIET_SECONDS:
            break
        before = now
    return before - began
