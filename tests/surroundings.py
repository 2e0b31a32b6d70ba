"""Folders and processes of one test's own, and proof that none of them outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from squill.client import DaemonClient
from squill.errors import DaemonUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

SCRIPTED_DAEMON = Path(__file__).parent / "scripted_daemon.py"


def socket_of(environment: Mapping[str, str]) -> Path:
    return next(Path(environment["SQUILL_RUNTIME_DIR"]).glob("*.sock"))


def make_environment(folder: Path, runtime: Path, **extra: str) -> dict[str, str]:
    """Folders of one test's own, all of them trusted; ``runtime`` is short, for the socket."""
    names = ("STATE", "CACHE", "CONFIG", "DATA")
    own = {f"SQUILL_{name}_DIR": str(folder / name.lower()) for name in names}
    scripted = f"{sys.executable} {SCRIPTED_DAEMON}"
    own |= {"SQUILL_RUNTIME_DIR": str(runtime), "SQUILL_DAEMON_COMMAND": scripted}
    own |= {"SQUILL_TRAINER_COMMAND": "true", "SQUILL_TRUST": "1"}
    return {**os.environ, **own, **extra}


@contextlib.asynccontextmanager
async def own_environment(folder: Path, **extra: str) -> AsyncIterator[dict[str, str]]:
    """An environment whose daemon, if one was started, ends with the test."""
    with tempfile.TemporaryDirectory(prefix="squill-", dir="/tmp") as runtime:
        environment = make_environment(folder, Path(runtime), **extra)
        try:
            yield environment
        finally:
            await _stop_daemon(environment)
            left = await _left_over(environment)
            for process in left:
                process.kill()
        assert not left, "a process outlived its test"


async def _stop_daemon(environment: Mapping[str, str]) -> None:
    with contextlib.suppress(StopIteration, DaemonUnavailableError):
        async with await DaemonClient.connect(socket_of(environment)) as daemon:
            await daemon.call("shutdown")
            await daemon.wait_closed()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Ask again and again, for what sends no event of its own. The test's timeout is the limit."""
    while True:
        found = condition()
        if await found if inspect.isawaitable(found) else found:
            return
        await asyncio.sleep(0.005)


async def _left_over(environment: Mapping[str, str]) -> list[psutil.Process]:
    """What has not ended within ten seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            await until(lambda: not processes_of(environment))
    return processes_of(environment)


def processes_of(environment: Mapping[str, str]) -> list[psutil.Process]:
    """The live processes that run with this test's runtime directory; a zombie has none."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            mine = process.environ().get("SQUILL_RUNTIME_DIR") == environment["SQUILL_RUNTIME_DIR"]
            if mine and process.pid != os.getpid():
                found.append(process)
    return found
