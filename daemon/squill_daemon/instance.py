"""One daemon per user: the lock, the socket, and who may unlink it.

The lock is held for the daemon's life. The directory itself is locked while a daemon starts, so
a second starter finds either no daemon or one that listens, never one that is half up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from squill.errors import AlreadyRunningError, SocketPathError
from squill.paths import SOCKET_PATH_LIMIT
from squill.private import make_private_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from squill.paths import RuntimePaths

_BACKLOG = 64


@contextmanager
def single_instance(paths: RuntimePaths) -> Iterator[socket.socket]:
    """A listening socket that no other daemon of this user has; unlinked at the end.

    Waits for a daemon that is about to end. A socket left behind by one that was killed is
    replaced.

    Raises:
        AlreadyRunningError: a daemon answers there.
        SocketPathError: the directory is not private, or the path is too long to bind.
    """
    make_private_directory(paths.directory)
    with _opened(paths.lock, os.O_RDWR | os.O_CREAT) as lock:
        with _opened(paths.directory, os.O_RDONLY) as directory:
            fcntl.flock(directory, fcntl.LOCK_EX)
            _take(lock, paths.socket)
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode("ascii"), 0)
            listener, identity = _bind(paths.socket)
        try:
            yield listener
        finally:
            _unlink(paths.socket, identity)
            listener.close()


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        if answers(path):
            raise AlreadyRunningError(f"A daemon is running already at {path}.") from error
        # It holds the lock but has unlinked its socket: it is ending.
        fcntl.flock(lock, fcntl.LOCK_EX)


def answers(path: Path) -> bool:
    """Whether something accepts connections on the socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
        return True


def _bind(path: Path) -> tuple[socket.socket, tuple[int, int]]:
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
        raise SocketPathError(
            f"The socket path {path} is over {SOCKET_PATH_LIMIT} bytes. "
            "Set SQUILL_RUNTIME_DIR to a directory with a shorter name."
        )
    with contextlib.suppress(FileNotFoundError):
        path.unlink()  # stale: we hold the lock, so its daemon has ended
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(os.fspath(path))
        path.chmod(0o600)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise SocketPathError(
            f"The socket {path} cannot be made ({error.strerror}). "
            "Set SQUILL_RUNTIME_DIR to a directory of your own."
        ) from error
    return listener, _identity(path)


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _unlink(path: Path, identity: tuple[int, int]) -> None:
    """Remove the socket, unless another one has taken its place."""
    with contextlib.suppress(FileNotFoundError):
        if _identity(path) == identity:
            path.unlink()


def holder(paths: RuntimePaths) -> int | None:
    """Process id of the daemon that holds the lock, or None where none does."""
    with contextlib.suppress(FileNotFoundError), _opened(paths.lock, os.O_RDWR) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.pread(lock, 20, 0) or b"0") or None
    return None


def wait_until_ended(paths: RuntimePaths) -> None:
    """Return when no daemon holds the lock."""
    with contextlib.suppress(FileNotFoundError), _opened(paths.lock, os.O_RDWR) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
