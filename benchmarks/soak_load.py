"""What the soak's clients do: questions, edits, cancels, adapters, bad frames, sudden ends."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from latency_schemas import draw_design, draw_edit, questions
from soak_client import opened
from squill.paths import runtime_paths

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from soak_client import Ledger, Session

FRAMES = Path(__file__).parents[1] / "tests" / "protocol" / "frames" / "hostile.txt"
BUDGET_MS = 120_000
_ALLOWED = {"cancelled", "daemon_busy"}
_PACE_SECONDS = 2.5

_FLOOD = """
import msgpack, socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
client.sendall(msgpack.packb([0, 0, "hello", [{"protocol": int(sys.argv[2])}]]))
params = {"schema": sys.argv[3], "question": sys.argv[4]}
number = 0
while True:
    number += 1
    method = "status" if number % 8 else "generate"
    client.sendall(msgpack.packb([0, number, method, [params]]))
"""


@dataclass(frozen=True)
class Material:
    """Schemas as they were edited, each with its questions, and the adapters there are."""

    versions: Sequence[Sequence[tuple[str, Sequence[str]]]]
    adapters: Sequence[str]
    frames: Sequence[bytes]


def draw_material(adapters: Sequence[str], rng: Random) -> Material:
    versions = []
    for _ in range(12):
        design, states = draw_design(rng.randint(1, 12), rng), []
        for _ in range(3):
            asked = questions(design, rng)
            states.append((design.ddl, [next(asked) for _ in range(4)]))
            design = draw_edit(design, rng)
        versions.append(states)
    return Material(versions, adapters, hostile_frames())


def hostile_frames() -> list[bytes]:
    lines = FRAMES.read_text(encoding="ascii").splitlines()
    fields = (line.split(" | ") for line in lines if line and not line.startswith("#"))
    closing = [data for _, expected, data in fields if expected == "closed"]
    return [unhex(data) for data in closing]


def unhex(text: str) -> bytes:
    parts = (part.partition("*") for part in text.split())
    return b"".join(bytes.fromhex(unit) * int(count or 1) for unit, _, count in parts)


class Client:
    """One editor, more or less. ``run`` goes on until ``over`` is set."""

    def __init__(self, number: int, material: Material, ledger: Ledger) -> None:
        self._rng = Random(number)
        self._material = material
        self._ledger = ledger
        self._name = f"file:///{number}.sql"
        self._version = 0
        self._states = material.versions[number % len(material.versions)]

    async def run(self, over: asyncio.Event) -> None:
        while not over.is_set():
            async with opened(self._ledger) as session:
                for _ in range(self._rng.randint(5, 60)):
                    if over.is_set():
                        break
                    await self._act(session)
                    await asyncio.sleep(self._rng.expovariate(1 / _PACE_SECONDS))

    async def _act(self, session: Session) -> None:
        acts: dict[Callable[[Session], Awaitable[None]], int] = {
            self._question: 50,
            self._changed_mind: 12,
            self._newer_version: 8,
            self._prefill: 10,
            self._status: 5,
            self._same_id: 3,
            self._bad_frame: 4,
            self._vanish: 4,
            self._never_reads: 1,
            self._switch: 3,
        }
        (act,) = self._rng.choices([*acts], [*acts.values()])
        await act(session)

    def _params(self) -> dict[str, Any]:
        rng = self._rng
        schema, asked = rng.choice(self._states)
        params: dict[str, Any] = {
            "schema": schema,
            "question": rng.choice(asked),
            "n": rng.choices((1, 3), (9, 1))[0],
            "budget_ms": BUDGET_MS,
            "background": rng.random() < 0.1,
        }
        adapter = rng.choice((None, "", *self._material.adapters))
        return params if adapter is None else params | {"adapter": adapter}

    async def _generate(self, session: Session, params: dict[str, Any], **how: Any) -> None:
        for error, result in await session.ask("generate", params, **how):
            if error is None:
                self._ledger.note_answer(params, result)
            elif error["code"] not in _ALLOWED | {"protocol" if "times" in how else ""}:
                self._ledger.violations[f"generate failed: {error['message']}"] += 1

    async def _question(self, session: Session) -> None:
        await self._generate(session, self._params())

    async def _changed_mind(self, session: Session) -> None:
        await self._generate(session, self._params(), cancel_after=self._rng.uniform(0, 0.2))

    async def _newer_version(self, session: Session) -> None:
        calls = []
        for _ in range(3):
            self._version += 1
            document = {"uri": self._name, "version": self._version}
            calls.append(self._generate(session, self._params() | {"document": document}))
        await asyncio.gather(*calls)

    async def _prefill(self, session: Session) -> None:
        params = self._params()
        await session.ask("prefill", {key: params[key] for key in ("schema",)})

    async def _status(self, session: Session) -> None:
        await session.ask("status", {})

    async def _same_id(self, session: Session) -> None:
        await self._generate(session, self._params(), times=3)

    async def _switch(self, session: Session) -> None:
        if not self._material.adapters:
            return
        if self._rng.random() < 0.3:
            ((error, _),) = await session.ask("adapters/rollback", {})
        else:
            digest = self._rng.choice((None, *self._material.adapters))
            ((error, _),) = await session.ask("adapters/activate", {"digest": digest})
        if error and error["code"] not in _ALLOWED and "no earlier" not in error["message"]:
            self._ledger.violations[f"an adapter was refused: {error['message']}"] += 1

    async def _bad_frame(self, _: Session) -> None:
        self._ledger.sent["(malformed)"] += 1
        async with opened(self._ledger) as other:
            other.send_bytes(self._rng.choice(self._material.frames))
            await other.ended()

    async def _vanish(self, _: Session) -> None:
        """In the middle of an answer, or of a frame."""
        self._ledger.sent["(vanished)"] += 1
        async with opened(self._ledger) as other:
            asking = asyncio.create_task(other.ask("generate", self._params()))
            await asyncio.sleep(self._rng.uniform(0, 0.2))
            other.send_bytes(b"\x94\x00\x01\xa8gener")
            await other.leave()
            await asking

    async def _never_reads(self, _: Session) -> None:
        self._ledger.sent["(never read)"] += 1
        reader, writer = await asyncio.open_unix_connection(runtime_paths().socket)
        reader.set_exception(RuntimeError("this client does not read"))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"\x94\x00\x01\xa5hello\x91\x81\xa8protocol\x01")
        writer.write(b"".join(b"\x94\x00%c\xa6status\x90" % (i % 100 + 1) for i in range(3000)))
        await asyncio.sleep(self._rng.uniform(0.1, 0.5))
        writer.transport.abort()


async def kill_floods(material: Material, ledger: Ledger, over: asyncio.Event) -> None:
    """Client processes that ask without end and without reading, each killed after a moment."""
    rng = Random("floods")
    while not over.is_set():
        schema, asked = rng.choice(rng.choice(material.versions))
        arguments = [str(runtime_paths().socket), "1", schema, asked[0]]
        flood = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _FLOOD, *arguments), stderr=asyncio.subprocess.DEVNULL
        )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), rng.uniform(0.3, 2))
        flood.kill()
        await flood.wait()
        ledger.sent["(killed client process)"] += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), 8)
