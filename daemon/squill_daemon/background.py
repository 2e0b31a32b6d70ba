"""Starting a daemon in the background, and what it says to its starter: one JSON line."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from typing import TYPE_CHECKING

from squill.errors import AlreadyRunningError, DaemonUnavailableError, SquillError
from squill.paths import state_directory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


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
    errors = state_directory() / "daemon.err"
    errors.parent.mkdir(parents=True, exist_ok=True)
    with errors.open("wb") as sink:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sink,
            start_new_session=True,
            cwd="/",
        )
    assert process.stdout is not None
    with process.stdout:
        line = process.stdout.readline()
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
