"""Starts the trainer: a process that watches a workspace's pairs, or one that trains once."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from squill.children import NEUTRAL_FOLDER
from squill.errors import SquillError
from squill.pairs.files import FOLDER
from squill.paths import state_directory
from squill.training import trainer_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from squill.settings import Settings

AGAIN_SECONDS = 60.0
"""A trainer that ended is not started again sooner: mostly, another editor's serves us too."""
_MOST_LOG_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class _Watcher:
    """A trainer that was started, when (`time.monotonic`), and with which arguments."""

    process: subprocess.Popen[bytes]
    began: float
    arguments: tuple[str, ...]

    @property
    def will_do(self) -> bool:
        """Whether it runs, or ended too short a while ago to start another."""
        is_recent = time.monotonic() - self.began < AGAIN_SECONDS
        return is_recent or self.process.poll() is None


class Trainers:
    """The processes of one language server. They see for themselves when it has ended.

    Starting one takes a few milliseconds of the caller's time. ``editor`` is the editor's own
    section of the settings, which the trainer lays over those of the files,
    and ``trusted`` what it says of the folder's trust.
    """

    def __init__(self) -> None:
        self._watching: dict[Path, _Watcher] = {}
        self._once: dict[Path, subprocess.Popen[bytes]] = {}

    def watch(
        self,
        folder: Path,
        settings: Settings,
        editor: Mapping[str, Any],
        trusted: bool | None = None,
    ) -> None:
        """Have the pairs of ``folder`` watched, where there are any and the settings want it.

        Raises:
            SquillError: it cannot be started.
        """
        if not settings.learning.automatic or not has_pairs(folder, settings):
            return
        arguments = ("--watch", "--watch-for", str(os.getpid()), *_told(editor, trusted))
        last = self._watching.get(folder)
        if last is not None and last.arguments == arguments and last.will_do:
            return
        self._watching[folder] = _Watcher(_start(folder, arguments), time.monotonic(), arguments)

    def once(self, folder: Path, editor: Mapping[str, Any], trusted: bool | None = None) -> bool:
        """Train now; False where that is done already.

        Raises:
            SquillError: it cannot be started.
        """
        running = self._once.get(folder)
        if running is not None and running.poll() is None:
            return False
        self._once[folder] = _start(folder, ("--once", *_told(editor, trusted)))
        return True


def has_pairs(folder: Path, settings: Settings) -> bool:
    """Whether there is a place that pairs may be in."""
    named = map(os.path.expanduser, settings.learning.example_folders)
    return (folder / FOLDER).is_dir() or any((folder / name).is_dir() for name in named)


def _told(editor: Mapping[str, Any], trusted: bool | None) -> tuple[str, ...]:
    """What the editor says; of trust it may say nothing, and the user's list decides."""
    told = ("--editor-settings", json.dumps(editor, sort_keys=True)) if editor else ()
    return told if trusted is None else (*told, "--trust" if trusted else "--restricted")


def _start(folder: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    log = state_directory() / "trainer.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        is_long = log.exists() and log.stat().st_size > _MOST_LOG_BYTES
        with log.open("wb" if is_long else "ab") as sink:
            process = subprocess.Popen(
                [*trainer_command(), *arguments, "--workspace", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                cwd=NEUTRAL_FOLDER,
            )
    except OSError as error:
        raise SquillError(
            f"The trainer cannot be started: {error.filename}: {error.strerror}. "
            "Correct that; `squill doctor` looks at the whole chain."
        ) from error
    threading.Thread(target=process.wait, daemon=True).start()  # no zombie is left
    return process
