"""Where Squill keeps things: socket, lock, logs, caches. Pure functions of the environment."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROTOCOL_VERSION = 1

# sun_path is 104 bytes on macOS and 108 on Linux, the closing zero included.
SOCKET_PATH_LIMIT = 103 if sys.platform == "darwin" else 107

EMBEDDED_MODEL = Path(__file__).parent / "embedded"


@dataclass(frozen=True, slots=True)
class RuntimePaths:
    """The files of one daemon. All lie in ``directory``, which is the access boundary (0700)."""

    directory: Path
    socket: Path
    lock: Path
    log: Path
    temporary: Path


def runtime_paths() -> RuntimePaths:
    """The paths of the current user's daemon; creates nothing.

    ``SQUILL_RUNTIME_DIR`` overrides the directory, for tests and for a second daemon.
    A socket path over the platform's limit moves to a hashed name in the temporary directory.
    """
    directory = _runtime_directory()
    name = f"daemon-v{PROTOCOL_VERSION}"
    socket = directory / f"{name}.sock"
    if len(os.fsencode(socket)) > SOCKET_PATH_LIMIT:
        digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
        directory = Path("/tmp") / f"squill-{os.getuid()}-{digest}"  # noqa: S108 (0700, checked by the daemon)
        socket = directory / f"{name}.sock"
    return RuntimePaths(
        directory=directory,
        socket=socket,
        lock=directory / f"{name}.lock",
        log=state_directory() / "daemon.log",
        temporary=cache_directory() / "tmp",
    )


def _runtime_directory() -> Path:
    if override := os.environ.get("SQUILL_RUNTIME_DIR"):
        return Path(override)
    if base := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(base) / "squill"
    return Path(tempfile.gettempdir()) / f"squill-{os.getuid()}"


def state_directory() -> Path:
    """Logs and figures that outlive a process (`SQUILL_STATE_DIR`, else the XDG state folder)."""
    return _user_directory("SQUILL_STATE_DIR", "XDG_STATE_HOME", ".local/state")


def data_directory() -> Path:
    """Adapters (`SQUILL_DATA_DIR`, else the XDG data folder)."""
    return _user_directory("SQUILL_DATA_DIR", "XDG_DATA_HOME", ".local/share")


def cache_directory() -> Path:
    """What can be made again (`SQUILL_CACHE_DIR`, else the XDG cache folder)."""
    return _user_directory("SQUILL_CACHE_DIR", "XDG_CACHE_HOME", ".cache")


def config_directory() -> Path:
    """The user's own settings (`SQUILL_CONFIG_DIR`, else the XDG configuration folder)."""
    return _user_directory("SQUILL_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")


def _user_directory(override: str, xdg: str, fallback: str) -> Path:
    if own := os.environ.get(override):
        return Path(own)
    base = os.environ.get(xdg)
    return (Path(base) if base else Path.home() / fallback) / "squill"
