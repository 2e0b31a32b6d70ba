"""One workspace, watched: new pairs start a training, and what was tried is not tried again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from squill.adapters import user_registry
from squill.children import NEUTRAL_FOLDER
from squill.errors import SquillError
from squill.model_files import content_digest, model_folder
from squill.pairs.files import FOLDER
from squill.pairs.store import SUFFIXES, PairStore
from squill.training import TrainingHistory, trainer_command
from squill.training.history import subject_of
from squill_trainer.learning.need import card_in_use, needless
from squill_trainer.settings import read_settings
from squill_trainer.watching.changes import Changes
from squill_trainer.watching.folders import FolderWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from squill.pairs import Pairs
    from squill.settings import Settings
    from squill_trainer.watching.requests import WatchRequest

LOOK_SECONDS = 60.0
"""Between two looks without a word from the file system."""
MOST_FAILURES = 3
"""Trainings of the same pairs that may end without a result, one after the other."""
_STOP_SECONDS = 5.0
_SETTINGS_FILES = ("squill.toml", "pyproject.toml")


class WorkspaceWatch:
    """Belongs to one event loop. ``one_at_a_time`` is shared by all workspaces of the process."""

    def __init__(
        self, request: WatchRequest, one_at_a_time: asyncio.Lock, say: Callable[[str], None]
    ) -> None:
        self._request = request
        self._folder = Path(request.workspace)
        self._one_at_a_time = one_at_a_time
        self._say = say
        self._changes = Changes()
        self._settings = self._load_settings()
        self._store = self._new_store()
        self._failures: dict[str, int] = {}

    async def run(self) -> None:
        """Watch, until cancelled."""
        settings, watch = self._settings, self._new_watch()
        try:
            while True:
                anew = await asyncio.to_thread(watch.arm, self._folders())
                await self._look()
                if self._settings != settings:
                    await asyncio.to_thread(watch.close)
                    settings, watch = self._settings, self._new_watch()
                elif not anew:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await self._changes.settled(settings.learning.quiet_seconds)
        finally:
            watch.close()

    def _new_watch(self) -> FolderWatch:
        poll = self._settings.learning.poll_seconds
        return FolderWatch(self._changes.happened, self._matters, poll_seconds=poll, say=self._say)

    def _folders(self) -> list[Path]:
        own = self._folder / FOLDER
        return [*([own] if self._store.may_read(own) else []), *self._store.folders]

    def _matters(self, path: Path) -> bool:
        if path.name in _SETTINGS_FILES:
            return path.parent == self._folder
        return path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")

    def _load_settings(self) -> Settings:
        request = self._request
        return read_settings(
            self._folder, request.model, request.editor, self._say, trusted=request.trusted
        )

    def _new_store(self, settings: Settings | None = None) -> PairStore:
        settings = settings or self._settings
        return PairStore(self._folder, settings, trusted=self._request.trusted)

    async def _look(self) -> None:
        """Train, if there is something new; trouble is told, and the watch goes on."""
        settings = self._load_settings()
        if settings != self._settings:
            self._settings, self._store = settings, self._new_store(settings)
        if not settings.learning.automatic:
            return
        try:
            subject = await asyncio.to_thread(self._new_subject)
            if subject:
                await self._train(subject)
        except SquillError as error:
            self._say(error.message)
        except OSError as error:
            self._say(f"{self._folder} cannot be watched now ({error.strerror}).")

    def _new_subject(self) -> str:
        """What there is to learn; empty for nothing that would be new."""
        pairs: Pairs = self._store.load()
        if not pairs.usable:
            return ""
        base = content_digest(model_folder(self._settings.model))
        current, _ = card_in_use(user_registry(), self._folder, base)
        if needless(pairs.usable, current):
            return ""
        subject = subject_of(base, (pair.digest for pair in pairs.usable))
        failed = self._failures.get(subject, 0) >= MOST_FAILURES
        return "" if failed or TrainingHistory(self._folder).tried(subject) else subject

    async def _train(self, subject: str) -> None:
        async with self._one_at_a_time:
            code = await self._run_training()
        if code not in (0, 1):
            self._failures[subject] = self._failures.get(subject, 0) + 1
            self._say(f"A training of {self._folder} ended with exit code {code}.")

    async def _run_training(self) -> int:
        """In a process of its own, which gives back all its memory, and cannot take us along."""
        where = ("--workspace", str(self._folder))
        process = await asyncio.create_subprocess_exec(
            *(*trainer_command(), "--once", "--background", *where, *self._request.arguments),
            stdin=asyncio.subprocess.DEVNULL,
            cwd=NEUTRAL_FOLDER,
        )
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()  # its last checkpoint is where the next one begins
                try:
                    await asyncio.wait_for(process.wait(), _STOP_SECONDS)
                except TimeoutError:
                    process.kill()
                    await process.wait()
