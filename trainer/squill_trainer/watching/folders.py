"""Watches folders for changed example files, with watchdog.

A folder may be missing, disappear, and come back: the nearest folder above it that exists is
watched as well. File systems that tell nothing are looked at now and then.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.polling import PollingObserver

from squill.pairs.store import MANY_FOLDERS, has_many_folders
from squill_trainer.watching.mounts import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from watchdog.observers.api import BaseObserver, ObservedWatch

REMOTE_SECONDS = 5
"""Between two looks at a network file system."""

# Opening and reading are none: we do that ourselves.
_EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]


@dataclass(frozen=True, slots=True)
class _Armed:
    """A watch, and the folder that it was set on: another of the same name needs a new one."""

    recursive: bool
    inode: tuple[int, int]
    watch: ObservedWatch
    observer: BaseObserver


class FolderWatch(FileSystemEventHandler):
    """Calls ``changed`` from threads of its own, whenever a path that ``matters`` changed.

    The folders are those of the last `arm`, with all below them.
    """

    def __init__(
        self,
        changed: Callable[[], None],
        matters: Callable[[Path], bool],
        *,
        poll_seconds: int = 0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._changed = changed
        self._matters = matters
        self._poll_seconds = poll_seconds
        self._say = say
        self._too_large: set[Path] = set()
        self._armed: dict[Path, _Armed] = {}
        self._told: BaseObserver | None = None
        self._looking: BaseObserver | None = None

    def arm(self, folders: Iterable[Path]) -> bool:
        """Watch ``folders`` as they are now; True where any watch had to be set anew.

        To be called again after changes, and now and then: what happened meanwhile in a folder
        that has come back was not told.
        """
        wanted = _wanted(folders, self._is_small)
        for path in [path for path in self._armed if not self._still(path, wanted)]:
            self._disarm(path)
        before = len(self._armed)
        for path in wanted.keys() - self._armed.keys():
            self._arm(path, wanted[path])
        return len(self._armed) > before

    def _is_small(self, folder: Path) -> bool:
        """Whether all below it can be watched; what can't is said once."""
        if not has_many_folders(folder):
            self._too_large.discard(folder)
            return True
        if folder not in self._too_large:
            self._too_large.add(folder)
            self._say(f"{folder}: {MANY_FOLDERS}")
        return False

    def _still(self, path: Path, wanted: dict[Path, bool]) -> bool:
        armed = self._armed[path]
        return wanted.get(path) == armed.recursive and _inode(path) == armed.inode

    def _arm(self, path: Path, recursive: bool) -> None:
        inode = _inode(path)
        if inode is None:
            return
        polls = self._poll_seconds or (REMOTE_SECONDS if is_remote(path) else 0)
        for observer in self._observers(polls):
            try:
                watch = observer.schedule(
                    self, str(path), recursive=recursive, event_filter=_EVENTS
                )
            except FileNotFoundError:
                return
            except OSError:  # no more inotify watches: look by ourselves
                continue
            self._armed[path] = _Armed(recursive, inode, watch, observer)
            return

    def _observers(self, poll_seconds: int) -> Iterator[BaseObserver]:
        """The one that is told, then the one that looks; each is started on first use."""
        if not poll_seconds:
            if self._told is None:
                self._told = Observer()
                self._told.start()
            yield self._told
        if self._looking is None:
            self._looking = PollingObserver(timeout=poll_seconds or REMOTE_SECONDS)
            self._looking.start()
        yield self._looking

    def _disarm(self, path: Path) -> None:
        armed = self._armed.pop(path)
        try:
            armed.observer.unschedule(armed.watch)
        except (KeyError, OSError):  # it went with its folder
            return

    def on_any_event(self, event: FileSystemEvent) -> None:
        """On a thread of watchdog's."""
        paths = [Path(os.fsdecode(path)) for path in (event.src_path, event.dest_path) if path]
        if event.is_directory or any(map(self._matters, paths)):
            self._changed()

    def close(self) -> None:
        observers: list[Any] = [each for each in (self._told, self._looking) if each is not None]
        for observer in observers:
            observer.stop()
        for observer in observers:
            observer.join()


def _wanted(folders: Iterable[Path], is_small: Callable[[Path], bool]) -> dict[Path, bool]:
    """The folders to watch, and whether with all below them."""
    wanted: dict[Path, bool] = {}
    for folder in folders:
        if folder.is_dir():
            wanted[folder] = is_small(folder)
            wanted.setdefault(folder.parent, False)
        else:
            above = next((each for each in folder.parents if each.is_dir()), None)
            if above is not None:
                wanted.setdefault(above, False)
    return {path: recursive for path, recursive in wanted.items() if not _covered(path, wanted)}


def _covered(path: Path, wanted: dict[Path, bool]) -> bool:
    """Whether another watch sees everything that this one would."""
    return any(wanted.get(above) for above in path.parents)


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
