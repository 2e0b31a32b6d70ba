"""Starting a daemon in the background, and what it says to its starter: one JSON line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import subprocess
from typing import TYPE_CHECKING, Any

from squill.children import NEUTRAL_FOLDER
from squill.client import CONNECT_SECONDS, DaemonClient
from squill.errors import AlreadyRunningError, DaemonUnavailableError, SquillError
from squill.paths import runtime_paths, state_directory
from squill_daemon.instance import holder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LISTEN_SECONDS = 50
"""For a started daemon to listen. Less than a client waits for `squill daemon start`."""
LOAD_SECONDS = 120
"""How long `squill daemon start` follows the loading of the model; it goes on after that."""


def listening_line(path: Path) -> str:
    return json.dumps({"listening": str(path), "pid": os.getpid()})


def failure_line(error: SquillError) -> str:
    return json.dumps({"error": error.code, "message": error.message})


def detach() -> None:
    """Let go of the starter's pipe: nobody reads our standard output any more."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.close(null)


def start(command: Sequence[str]) -> str:
    """Run ``command`` (a ``run --detach``) in the background until it listens.

    Returns "started" or "running" (another daemon was there first).

    Raises:
        DaemonUnavailableError: it ended before it listened; the message carries its reason.
    """
    errors = last_words()
    process = _launch(command, errors)
    assert process.stdout is not None
    with process.stdout:
        line = _first_line(process)
    with contextlib.suppress(ValueError, KeyError):
        answer = json.loads(line)
        if "listening" in answer:
            process.returncode = 0  # it is meant to outlive us: no warning for a running child
            return "started"
        if answer["error"] == AlreadyRunningError.code:
            process.wait()
            return "running"
        raise DaemonUnavailableError(answer["message"])
    code = process.wait()
    raise DaemonUnavailableError(
        f"it ended at once with exit code {code}. "
        f"Run `squill daemon run` to see why; its last words are in {errors}."
    )


def last_words() -> Path:
    """Where the standard error of the last background daemon goes."""
    return state_directory() / "daemon.err"


def _launch(command: Sequence[str], errors: Path) -> subprocess.Popen[bytes]:
    try:
        errors.parent.mkdir(parents=True, exist_ok=True)
        # A daemon that runs already goes on writing into this file.
        with errors.open("wb" if holder(runtime_paths()) is None else "ab") as sink:
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=sink,
                start_new_session=True,
                cwd=NEUTRAL_FOLDER,
            )
    except OSError as error:
        raise DaemonUnavailableError(
            f"it cannot be started: {error.filename or command[0]}: {error.strerror}. "
            "Correct that; `squill doctor` looks at the whole chain."
        ) from error


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], LISTEN_SECONDS)
    if not ready:
        process.kill()
        process.wait()
        raise DaemonUnavailableError(
            f"it did not listen within {LISTEN_SECONDS} s: another daemon is ending, or hangs. "
            "Run `squill daemon restart`."
        )
    return process.stdout.readline()


async def until_loaded(say: Callable[[str], None]) -> dict[str, Any]:
    """The `status` of the running daemon, once its model is no longer being loaded.

    Waits for `LOAD_SECONDS` at most; the state is "loading" then still. ``say`` receives what the
    daemon tells meanwhile.

    Raises:
        DaemonUnavailableError: no daemon answers, or it ended meanwhile.
    """
    changed = asyncio.Event()
    async with await DaemonClient.connect(
        on_notification=lambda *_: changed.set(), name="squill daemon"
    ) as client:
        status = await _status(client)
        said = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOAD_SECONDS):
                while status["state"] == "loading":
                    if status["message"] != said:
                        said = status["message"]
                        say(said)
                    await _change(changed, client)
                    changed.clear()
                    status = await _status(client)
    return status


async def _status(client: DaemonClient) -> dict[str, Any]:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            status: dict[str, Any] = await client.call("status")
    except TimeoutError as error:
        raise DaemonUnavailableError(
            "The daemon does not answer. Run `squill daemon restart`."
        ) from error
    except DaemonUnavailableError as error:
        raise DaemonUnavailableError(
            "The daemon ended while the model was being loaded. See `squill daemon logs`; "
            f"its last words are in {last_words()}."
        ) from error
    return status


async def _change(changed: asyncio.Event, client: DaemonClient) -> None:
    """Returns when the event is set or the connection has ended."""
    waits = [asyncio.create_task(wait) for wait in (changed.wait(), client.wait_closed())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
