"""Starts the trainer: a process that watches a workspace's pairs, or one that trains once."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from squill.errors import SquillError
from squill.pairs.files import FOLDER
from squill.paths import state_directory
from squill.training import trainer_command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from squill.settings import Settings

AGAIN_SECONDS = 60.0
"""A trainer that ended is not started again sooner: mostly, another editor's serves us too."""
_MOST_LOG_BYTES = 1_000_000


class Trainers:
    """The processes of one language server. They see for themselves when it has ended.

    Starting one takes a few milliseconds of the caller's time.
    """

    def __init__(self) -> None:
        self._watching: dict[Path, tuple[subprocess.Popen[bytes], float]] = {}
        self._once: dict[Path, subprocess.Popen[bytes]] = {}

    def watch(self, folder: Path, settings: Settings) -> None:
        """Have the pairs of ``folder`` watched, where there are any and the settings want it.

        Raises:
            SquillError: it cannot be started.
        """
        if not settings.learning.automatic or not has_pairs(folder, settings):
            return
        if folder in self._watching:
            process, began = self._watching[folder]
            if process.poll() is None or time.monotonic() - began < AGAIN_SECONDS:
                return
        arguments = ("--watch", "--watch-for", str(os.getpid()))
        self._watching[folder] = (_start(folder, settings, arguments), time.monotonic())

    def once(self, folder: Path, settings: Settings) -> bool:
        """Train now; False where that is done already.

        Raises:
            SquillError: it cannot be started.
        """
        running = self._once.get(folder)
        if running is not None and running.poll() is None:
            return False
        self._once[folder] = _start(folder, settings, ("--once",))
        return True


def has_pairs(folder: Path, settings: Settings) -> bool:
    """Whether there is a place that pairs may be in."""
    named = map(os.path.expanduser, settings.learning.example_folders)
    return (folder / FOLDER).is_dir() or any((folder / name).is_dir() for name in named)


def _start(folder: Path, settings: Settings, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    model = ("--model", settings.model) if settings.model else ()
    log = state_directory() / "trainer.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        is_long = log.exists() and log.stat().st_size > _MOST_LOG_BYTES
        with log.open("wb" if is_long else "ab") as sink:
            process = subprocess.Popen(
                [*trainer_command(), *arguments, "--workspace", str(folder), *model],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                cwd="/",
            )
    except OSError as error:
        raise SquillError(
            f"The trainer cannot be started: {error.filename}: {error.strerror}. "
            "Correct that; `squill doctor` looks at the whole chain."
        ) from error
    threading.Thread(target=process.wait, daemon=True).start()  # no zombie is left
    return process
