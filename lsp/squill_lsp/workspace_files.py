"""The workspace's own `.sql` files: found by the settings' globs, read off the event loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.encoding import decoded, undecodable
from squill.schema_files import find_schema_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from squill.settings import WorkspaceSettings


@dataclass(frozen=True, slots=True)
class FileText:
    """What was read, and the file's stamp (modification time in ns, bytes) at that time.

    ``problem`` says why there is no text.
    """

    text: str
    stamp: tuple[int, int]
    problem: str = ""


def read_folder(
    folder: Path,
    settings: WorkspaceSettings,
    known: Mapping[Path, FileText],
    *,
    trusted: bool | None = None,
) -> dict[Path, FileText]:
    """The table-defining files of ``folder``, in the order of their paths.

    A file whose stamp is the one in ``known`` is not read again; one that is too large, or that
    cannot be read, is left out; one that can't be decoded has a problem in place of its text.
    """
    found = (
        (path, _read(path, settings.max_file_bytes, known))
        for path in find_schema_files(folder, settings, trusted=trusted)
    )
    return {path: text for path, text in sorted(found) if text is not None}


def _read(path: Path, most_bytes: int, known: Mapping[Path, FileText]) -> FileText | None:
    try:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        before = known.get(path)
        if before is not None and before.stamp == stamp:
            return before
        if status.st_size > most_bytes or not path.is_file():
            return None
        content = path.read_bytes()
    except OSError:
        return None
    try:
        return FileText(decoded(content), stamp)
    except UnicodeDecodeError as error:
        return FileText("", stamp, undecodable(str(path), content, error))


class WorkspaceFiles:
    """The files of all workspace folders. Belongs to the event loop; reads in a worker thread.

    ``report`` receives one sentence for each file that is left out because it can't be decoded.
    """

    def __init__(self, report: Callable[[str], None] = lambda _: None) -> None:
        self._report = report
        self._reported: set[str] = set()
        self._folders: tuple[Path, ...] = ()
        self._trusted: bool | None = None
        self._files: dict[Path, FileText] = {}
        self._changes = 1
        self._read_at = 0
        self._reading = asyncio.Lock()

    def set_folders(self, folders: Iterable[Path], *, trusted: bool | None = None) -> None:
        """``trusted``: what the editor says of the folders, None for the user's list."""
        self._folders = tuple(folders)
        self._trusted = trusted
        self.expire()

    def expire(self) -> None:
        """Something in the folders or in the settings changed; the next `texts` looks again."""
        self._changes += 1

    async def texts(self, settings: WorkspaceSettings) -> Mapping[Path, FileText]:
        """All files, in the order of folders and paths."""
        async with self._reading:
            if self._read_at != self._changes:
                changes = self._changes
                self._files = await asyncio.to_thread(
                    _read_folders, self._folders, settings, self._files, self._trusted
                )
                self._read_at = changes
                self._tell_problems()
            return self._files

    def _tell_problems(self) -> None:
        problems = {file.problem for file in self._files.values() if file.problem}
        for problem in sorted(problems - self._reported):
            self._report(f"A file is left out. {problem}")
        self._reported = problems


def _read_folders(
    folders: Sequence[Path],
    settings: WorkspaceSettings,
    known: Mapping[Path, FileText],
    trusted: bool | None,
) -> dict[Path, FileText]:
    files: dict[Path, FileText] = {}
    for folder in folders:
        files |= read_folder(folder, settings, known, trusted=trusted)
    return files
