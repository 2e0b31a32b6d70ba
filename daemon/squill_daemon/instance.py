"""One daemon per user: the lock, the socket, and who may unlink it.

The lock is held for the daemon's life. The directory itself is locked while a daemon starts, so
a second starter finds either no daemon or one that listens, never one that is half up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from squill.errors import AlreadyRunningError, DaemonUnavailableError, SocketPathError
from squill.paths import SOCKET_PATH_LIMIT
from squill.private import make_private_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from squill.paths import RuntimePaths

ENDING_SECONDS = 40.0
"""How long a daemon that is ending may hold its lock before a starter gives up."""

_BACKLOG = 128
_POLL_SECONDS = 0.05


class Claim:
    """The right to be the user's daemon, and the socket that goes with it."""

    def __init__(self, paths: RuntimePaths, lock: int) -> None:
        self.paths = paths
        self._lock = lock
        self.rebind()

    def rebind(self) -> None:
        """Listen on a new socket of the old name, which must be free or stale.

        Raises:
            SocketPathError: it cannot be made.
        """
        self.listener, self._identity = _bind(self.paths.socket)

    @property
    def unnamed(self) -> bool:
        """Whether the socket's name is gone (some cleaners remove what looks old)."""
        return _identity(self.paths.socket) is None

    @property
    def lost(self) -> bool:
        """Whether the lock's file has been replaced or removed: another daemon can start."""
        return _identity(self.paths.lock) != _identity(self._lock)

    def release(self) -> None:
        """Remove the socket, unless another one has taken its place."""
        if _identity(self.paths.socket) == self._identity:
            with contextlib.suppress(OSError):
                self.paths.socket.unlink()
        self.listener.close()


@contextmanager
def single_instance(paths: RuntimePaths) -> Iterator[Claim]:
    """A listening socket that no other daemon of this user has; unlinked at the end.

    Waits for a daemon that is about to end. A socket left behind by one that was killed is
    replaced.

    Raises:
        AlreadyRunningError: a daemon answers there.
        DaemonUnavailableError: one holds the lock that neither answers nor ends.
        SocketPathError: the directory is not private or not to be written to, or the path is
            too long to bind.
    """
    make_private_directory(paths.directory)
    with ExitStack() as stack:
        try:
            claim = _claim(paths, stack)
        except OSError as error:
            raise SocketPathError(
                f"The daemon's lock {paths.lock} cannot be taken ({error.strerror}). Remove it, "
                "or set SQUILL_RUNTIME_DIR to a directory of your own."
            ) from error
        try:
            yield claim
        finally:
            claim.release()


def _claim(paths: RuntimePaths, stack: ExitStack) -> Claim:
    lock = stack.enter_context(_opened(paths.lock, os.O_RDWR | os.O_CREAT))
    with _opened(paths.directory, os.O_RDONLY) as directory:
        fcntl.flock(directory, fcntl.LOCK_EX)
        _take(lock, paths.socket)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode("ascii"), 0)
        return Claim(paths, lock)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _take(lock: int, path: Path) -> None:
    deadline = time.monotonic() + ENDING_SECONDS
    while not _lock_now(lock):
        if answers(path):
            raise AlreadyRunningError(f"A daemon is running already at {path}.")
        # It has unlinked its socket: it is ending, or about to listen on a new one.
        if time.monotonic() > deadline:
            raise DaemonUnavailableError(
                f"A daemon holds the lock beside {path} but neither answers nor ends. "
                "Run `squill daemon stop`, then start it again."
            )
        time.sleep(_POLL_SECONDS)


def _lock_now(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def answers(path: Path) -> bool:
    """Whether something listens on the socket, however busy it is."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except BlockingIOError:
            return True  # its queue is full
        except OSError:
            return False
        return True


def _bind(path: Path) -> tuple[socket.socket, tuple[int, int]]:
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
        raise SocketPathError(
            f"The socket path {path} is over {SOCKET_PATH_LIMIT} bytes. "
            "Set SQUILL_RUNTIME_DIR to a directory with a shorter name."
        )
    listener = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)  # stale: we hold the lock, so its daemon has ended
        listener.bind(os.fspath(path))
        path.chmod(0o600)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        found = path.lstat()
    except OSError as error:
        listener.close()
        raise SocketPathError(
            f"The socket {path} cannot be made ({error.strerror}). "
            "Set SQUILL_RUNTIME_DIR to a directory of your own."
        ) from error
    return listener, (found.st_dev, found.st_ino)


def _identity(file: Path | int) -> tuple[int, int] | None:
    """What tells this file from one that took its place; None where there is none."""
    try:
        found = os.fstat(file) if isinstance(file, int) else file.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def holder(paths: RuntimePaths) -> int | None:
    """Process id of the daemon that holds the lock, or None where none does."""
    with contextlib.suppress(FileNotFoundError), _opened(paths.lock, os.O_RDWR) as lock:
        if not _lock_now(lock, fcntl.LOCK_SH):  # others may be looking as well
            return int(os.pread(lock, 20, 0) or b"0") or None
    return None


def wait_until_ended(paths: RuntimePaths) -> None:
    """Return when no daemon holds the lock."""
    with contextlib.suppress(FileNotFoundError), _opened(paths.lock, os.O_RDWR) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
