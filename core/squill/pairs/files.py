"""The files in a workspace's ``.squill`` folder that Squill itself writes, and how any is read."""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from squill.errors import SquillError
from squill.files import locked, remedy, replace_file
from squill.trust import is_inside, is_trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

FOLDER = ".squill"
ACCEPTED_FILE = f"{FOLDER}/accepted.jsonl"
FORGOTTEN_FILE = f"{FOLDER}/forgotten.jsonl"

BOM = b"\xef\xbb\xbf"

_LOCK = ".pairs.lock"
_TICK = 2_000_000_000  # ns: FAT's, the coarsest


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes with a file's content: time of modification (ns), bytes, inode.

    One that is not ``settled`` equals no `stamp_of`: it was taken so soon after a change that
    another might not show, within one tick of the file system's clock.
    """

    time: int
    size: int
    inode: int
    settled: bool = True


def stamp_of(status: os.stat_result) -> Stamp:
    return Stamp(status.st_mtime_ns, status.st_size, status.st_ino)


def read_regular(path: Path, most_bytes: int = 0) -> tuple[bytes, Stamp]:
    """The content of a file, and its stamp from before it was read. Never waits on a pipe.

    Raises:
        OSError: it cannot be read, is no regular file, or has more than ``most_bytes`` (0: any).
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 (a path would not do)
        status = _regular(descriptor, path)
        if most_bytes and status.st_size > most_bytes:
            size = f"it has {status.st_size} bytes, {most_bytes} are read at most"
            raise OSError(errno.EFBIG, size, str(path))
        content = file.read()
    stamp = stamp_of(status)
    return content, replace(stamp, settled=time.time_ns() - stamp.time > _TICK)


def _regular(descriptor: int, path: Path) -> os.stat_result:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return status


def append(path: Path, lines: bytes) -> None:
    """Add whole lines to the end of one of Squill's own files, all of them or none.

    Waits for the disk, and for another process that is writing; a line that was cut off before is
    left to itself.

    Raises:
        SquillError: they cannot be written.
    """
    with _writing(path):
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        try:
            size = _regular(descriptor, path).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                lines = b"\n" + lines
            if os.write(descriptor, lines) < len(lines):
                os.ftruncate(descriptor, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def rewrite(path: Path, edit: Callable[[bytes], bytes]) -> None:
    """Put ``edit`` of the content in its place; readers see the old one or the new.

    Raises:
        SquillError: it cannot be written.
    """
    with _writing(path):
        content, _ = read_regular(path)
        changed = edit(content)
        if changed != content:
            replace_file(path, changed)


def without_lines(content: bytes, lines: Collection[bytes]) -> bytes:
    """``content`` less every line that is one of ``lines`` (without their ends)."""
    kept = [line for line in content.removeprefix(BOM).split(b"\n") if line not in lines]
    return b"\n".join(kept)


def _refuse_outside(path: Path) -> None:
    """A cloned folder's ``.squill`` may be a link, which would lead what is kept elsewhere."""
    workspace = path.parent.parent
    if path.parent.name != FOLDER or is_inside(path, workspace) or is_trusted(workspace):
        return
    raise SquillError(
        f"{path} leads out of its folder by a link, so nothing is written there. Remove the link, "
        f"or trust the folder: `squill trust add {workspace}`."
    )


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Hold the folder of ``path`` against other writers; make it where it is missing."""
    _refuse_outside(path)
    try:
        path.parent.mkdir(exist_ok=True)
        with locked(path.parent / _LOCK):
            yield
    except OSError as error:
        reason = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise SquillError(
            f"{path} cannot be written ({reason or type(error).__name__}). {remedy(error)}"
        ) from error
