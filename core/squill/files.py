"""Files that appear whole or not at all, and locks between processes."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from squill.errors import SquillError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LEFT_SECONDS = 3600


@contextmanager
def explained(what: str, kind: type[SquillError] = SquillError) -> Iterator[None]:
    """Turn the file system's errors into a ``kind`` with the user's sentence.

    ``what`` names the action.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise kind(f"{what} failed ({reason}). {remedy(error)}") from error


def is_full(error: OSError) -> bool:
    """Whether the disk, or the user's share of it, has no room."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def remedy(error: OSError) -> str:
    """What to do about an error of the file system, in one sentence."""
    if is_full(error):
        return "The disk is full: make room on it, then try again."
    if error.errno == errno.EROFS:
        return "Its file system is mounted read-only: choose another folder, or mount it writable."
    if error.errno in (errno.EACCES, errno.EPERM):
        return "See that the folder is yours to write, then try again."
    return "See that the disk has room and the folder is yours to write, then try again."


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path`` against every other thread and process; a dead holder holds nothing."""
    with _opened(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """As `locked`, but without waiting; False where another holds ``path``."""
    with _opened(path) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_held = True
        except BlockingIOError:
            is_held = False
        yield is_held


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def copy_synced(source: Path, target: Path) -> None:
    """Copy the content alone and wait until the disk has it."""
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())


def sync_directory(path: Path) -> None:
    """Wait until the disk has the directory's entries: a rename is lasting only after this."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new empty file beside ``path`` that takes its place at the end: readers see old or new.

    Its name is random and made exclusively, so that no file or link that waits there is written
    through. Where ``path`` exists its mode is kept. On an error the file is removed and ``path``
    stays as it was. The last writer of several wins.
    """
    end = ".safetensors" if path.suffix == ".safetensors" else ".new"  # mlx insists on its own
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}{end}")
    descriptor = os.open(
        aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666
    )
    try:
        _remove_leftovers(path, os.fstat(descriptor).st_mtime)
        with suppress(FileNotFoundError):
            os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
        yield aside
        os.fsync(descriptor)
        aside.replace(path)
    finally:
        os.close(descriptor)
        aside.unlink(missing_ok=True)
    sync_directory(path.parent)


def _remove_leftovers(path: Path, now: float) -> None:
    """What a killed writer left beside ``path``, once it is too old to be another's at work.

    ``now`` is the file system's time, in seconds.
    """
    left = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}\.(?:new|safetensors)")
    for found in path.parent.iterdir():
        if left.fullmatch(found.name):
            with suppress(OSError):
                if now - found.lstat().st_mtime > _LEFT_SECONDS:
                    found.unlink()


def replace_file(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of ``path``; `replacing` says how."""
    with replacing(path) as aside:
        aside.write_bytes(data)
