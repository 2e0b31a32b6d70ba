"""Squill's side: a daemon with folders of its own, its client, and an editor with `squill lsp`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil

from latency_peer import Answered
from squill.children import own_module
from squill.client import DaemonClient
from squill.errors import SquillError
from squill.paths import EMBEDDED_MODEL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from latency_prompts import Asked

CANDIDATES = 16
_LONG_BUDGET_MS = 60_000
_TUNING_SECONDS = 300.0
_FOLDERS = ("RUNTIME", "STATE", "CACHE", "CONFIG", "DATA")


class Daemon:
    """As a `Peer`. ``client`` is an idle client's connection, kept open."""

    name = "Squill"

    def __init__(self, started: subprocess.Popen[bytes], client: DaemonClient) -> None:
        self.process = psutil.Process(started.pid)
        self.client = client
        self._started = started

    async def ask(self, asked: Asked, *, stream: bool = False, adapter: str = "") -> Answered:
        params = {"schema": asked.wire, "question": asked.question}
        if adapter:
            params["adapter"] = adapter
        first = 0.0
        began = time.perf_counter()

        def seen(_: str) -> None:
            nonlocal first
            first = first or 1000 * (time.perf_counter() - began)

        # The result is text as well, where nothing was shown before it.
        reply = await self.client.call("generate", params, on_partial=seen if stream else None)
        full = 1000 * (time.perf_counter() - began)
        return _answered(reply, first or full, full)

    @contextlib.asynccontextmanager
    async def busy(self, asked: Asked) -> AsyncIterator[None]:
        async with await DaemonClient.connect(name="benchmark, busy") as client:
            decoding = asyncio.Event()

            async def decode_on() -> None:
                while True:
                    await client.call("generate", _long(asked), on_partial=lambda _: decoding.set())

            task = asyncio.create_task(decode_on())
            await decoding.wait()
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def vanish(self, asked: Asked, seconds: float) -> None:
        client = await DaemonClient.connect(name="benchmark, vanishing")
        call = asyncio.create_task(client.call("generate", _long(asked)))
        await asyncio.sleep(seconds)
        await client.close()
        with contextlib.suppress(SquillError):
            await call

    async def tokens_after_cancel(self, asked: Asked) -> int | None:
        """Tokens that the model makes for a request after its cancel has come.

        The count is asked for in the same breath as the cancel is sent, and again when nothing is
        left to do. None where the request was answered too soon to be cancelled.
        """
        decoding = asyncio.Event()
        params = {"schema": asked.wire, "question": asked.question}
        call = asyncio.create_task(
            self.client.call("generate", params, on_partial=lambda _: decoding.set())
        )
        await decoding.wait()
        looking = asyncio.create_task(self.status())
        await asyncio.sleep(0)  # `status` is written, and right behind it the cancel
        in_time = call.cancel()
        at_cancel = await looking
        with contextlib.suppress(asyncio.CancelledError):
            await call
        while (now := await self.status())["queue"]:
            pass
        if not in_time or not at_cancel["queue"]:
            return None
        return int(now["tokens_generated"] - at_cancel["tokens_generated"])

    async def until_tuned(self) -> None:
        """Return when the kernels are compiled, which the daemon does once, while nobody asks."""
        async with asyncio.timeout(_TUNING_SECONDS):
            while not (await self.status()).get("tuned", True):  # noqa: ASYNC110 (it tells nobody)
                await asyncio.sleep(0.2)

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.client.call("status")
        return found

    async def close(self) -> None:
        await self.client.close()
        self._started.terminate()
        try:
            await asyncio.to_thread(self._started.wait, 15)
        except subprocess.TimeoutExpired:
            self._started.kill()
            self._started.wait()


def _long(asked: Asked) -> dict[str, Any]:
    return {
        "schema": asked.wire,
        "question": asked.question,
        "n": CANDIDATES,
        "budget_ms": _LONG_BUDGET_MS,
    }


def _answered(reply: dict[str, Any], first: float, full: float) -> Answered:
    tokens, candidates = reply["tokens"], reply["candidates"]
    return Answered(
        full=full,
        first=first,
        text=candidates[0]["sql"] if candidates else "",
        prompt=tokens["prompt"],
        cached=tokens["cached"],
        generated=tokens["generated"],
        whole=bool(candidates),
    )


def use_own_folders(folder: Path) -> None:
    """Nothing of the user's own Squill is touched, by this process or by those it starts."""
    for name in _FOLDERS:
        own = folder / name.lower()
        own.mkdir(mode=0o700)
        os.environ[f"SQUILL_{name}_DIR"] = str(own)
    os.environ.pop("SQUILL_MODEL", None)


async def start_daemon(model: Path, folder: Path) -> Daemon:
    """A daemon that listens, and a client that has said hello."""
    log = folder / "daemon.err"
    started = _launch(model, log)
    assert started.stdout is not None
    try:
        await asyncio.to_thread(started.stdout.readline)  # it listens, or has ended
        return Daemon(started, await DaemonClient.connect(name="benchmark"))
    except BaseException:
        started.kill()
        started.wait()
        print(log.read_text(errors="replace")[-2000:], file=sys.stderr)
        raise
    finally:
        started.stdout.close()


def _launch(model: Path, log: Path) -> subprocess.Popen[bytes]:
    command = own_module("squill_daemon", "run")
    if model != EMBEDDED_MODEL:
        command += ["--model", str(model)]
    with log.open("wb") as sink:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sink
        )
