"""Other programs, run within a time limit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.children import NEUTRAL_FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. ``code`` is negative for a signal, None where it ran out of time."""

    code: int | None
    output: str
    errors: str

    @property
    def how(self) -> str:
        """In words, for a program that did not end well; its last words included."""
        words = [line for line in self.errors.splitlines() if line.strip()]
        last = f": {words[-1].strip()[:300]}" if words else ""
        if self.code is None:
            return f"did not end in time{last}"
        if self.code < 0:
            return f"crashed ({signal.Signals(-self.code).name})"
        return f"ended with exit code {self.code}{last}"


def run_bounded(command: Sequence[str], seconds: float, data: str | None = None) -> Ended:
    """Run a program with ``data`` on its standard input; kill it, and its children, at the limit.

    Raises:
        OSError: it cannot be started.
    """
    with subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        cwd=NEUTRAL_FOLDER,
    ) as process:
        try:
            output, errors = process.communicate(data, timeout=seconds)
        except subprocess.TimeoutExpired:
            kill_group(process)
            output, errors = process.communicate()
            return Ended(None, output, errors)
    return Ended(process.returncode, output, errors)


def kill_group(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Kill a process that leads its own session, and what it has started there."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
