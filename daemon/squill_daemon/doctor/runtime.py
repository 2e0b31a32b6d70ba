"""The socket's folder, the lock, and what a daemon that was killed has left behind."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from squill.errors import SocketPathError
from squill.paths import PROTOCOL_VERSION, SOCKET_PATH_LIMIT, runtime_paths
from squill.private import check_private_directory
from squill_daemon.doctor.finding import failure, failure_of, ok, warning
from squill_daemon.doctor.folders import check_folder
from squill_daemon.instance import answers, holder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.paths import RuntimePaths
    from squill_daemon.doctor.finding import Finding


def check_runtime() -> Iterator[Finding]:
    paths = runtime_paths()
    yield _path_length(paths)
    try:
        check_private_directory(paths.directory)
    except FileNotFoundError:
        yield check_folder("directory", paths.directory, "SQUILL_RUNTIME_DIR")
        return
    except SocketPathError as error:
        yield failure_of("directory", error)
        return
    yield ok("directory", f"{paths.directory} is yours alone (mode 700)")
    yield _lock_and_socket(paths)
    yield from _others(paths)


def _path_length(paths: RuntimePaths) -> Finding:
    length = len(os.fsencode(paths.socket))
    if length > SOCKET_PATH_LIMIT:
        detail = f"{paths.socket} is {length} bytes of {SOCKET_PATH_LIMIT}"
        return failure("path", detail, "Set SQUILL_RUNTIME_DIR to a folder with a shorter name.")
    return ok("path", f"{paths.socket} ({length} of {SOCKET_PATH_LIMIT} bytes)")


def _lock_and_socket(paths: RuntimePaths) -> Finding:
    pid = holder(paths)
    there = paths.socket.exists()
    if pid is None and there:
        detail = "left behind by a daemon that was killed"
        return warning("socket", detail, "Nothing to do: the next start replaces it.")
    if pid is None:
        return ok("lock", "free: no daemon runs")
    if there and answers(paths.socket):
        return ok("lock", f"held by the daemon, process {pid}; its socket takes connections")
    detail = f"held by process {pid}, whose socket takes no connections: it is ending, or hangs"
    return warning("lock", detail, "If that does not pass, run `squill daemon restart`.")


def _others(paths: RuntimePaths) -> Iterator[Finding]:
    """Daemons of other protocol versions, which run beside ours for a while after an upgrade."""
    for lock in sorted(paths.directory.glob("daemon-v*.lock")):
        version = re.fullmatch(r"daemon-v(\d+)", lock.stem)
        if version is None or int(version[1]) == PROTOCOL_VERSION:
            continue
        if pid := holder(replace(paths, lock=lock)):
            yield warning(
                "other daemon",
                f"process {pid} speaks protocol {version[1]}, this Squill {PROTOCOL_VERSION}",
                "It leaves when its last editor is closed or restarted.",
            )
