"""Files that appear whole or not at all, and locks between processes."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from squill.errors import SquillError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def explained(what: str, kind: type[SquillError] = SquillError) -> Iterator[None]:
    """Turn the file system's errors into a ``kind`` with the user's sentence.

    ``what`` names the action.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise kind(
            f"{what} failed ({reason}). "
            "See that the disk has room and the folder is yours to write, then try again."
        ) from error


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


def replace_file(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of ``path``: readers see the old content or the new.

    One writer at a time: the caller holds a lock.
    """
    aside = path.with_name(f"{path.name}.new")
    write_synced(aside, data)
    aside.replace(path)
    sync_directory(path.parent)
