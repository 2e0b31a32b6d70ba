"""The folders that Squill writes: there or makeable, writable, on a disk with room."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from squill.paths import cache_directory, data_directory, runtime_paths, state_directory
from squill.private import check_private_directory
from squill_daemon.doctor.finding import failure, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from squill_daemon.doctor.finding import Finding

_LITTLE_BYTES = 500_000_000
_TOO_LITTLE_BYTES = 20_000_000


def check_folders() -> Iterator[Finding]:
    yield check_folder("state", state_directory(), "SQUILL_STATE_DIR")
    yield check_folder("cache", cache_directory(), "SQUILL_CACHE_DIR")
    yield check_folder("data", data_directory(), "SQUILL_DATA_DIR")
    for private in (runtime_paths().temporary, cache_directory() / "blas"):
        if private.exists():
            check_private_directory(private)


def check_folder(name: str, folder: Path, variable: str) -> Finding:
    """``variable`` is the environment variable that puts it elsewhere."""
    remedy = f"Correct that, or set {variable} to a folder of your own."
    place = nearest_existing(folder)
    if problem := _unwritable(place):
        return failure(name, f"{folder} cannot be written: {problem}", remedy)
    free = shutil.disk_usage(place).free
    detail = f"{folder}, {free / 1e9:.1f} GB free"
    if free < _TOO_LITTLE_BYTES:
        return failure(name, detail, f"Make room on that disk, or set {variable}.")
    if free < _LITTLE_BYTES:
        return warning(name, detail, f"Make room on that disk, or set {variable}.")
    return ok(name, detail if place == folder else f"{detail}; made when it is needed")


def nearest_existing(folder: Path) -> Path:
    """The folder, or the nearest of those above it that is there."""
    return next((place for place in (folder, *folder.parents) if place.exists()), folder)


def _unwritable(place: Path) -> str:
    """Why nothing can be made in ``place``; empty where it can. Tries it."""
    if not place.is_dir():
        return f"{place} is not a folder"
    if not os.access(place, os.W_OK | os.X_OK):
        return f"{place} is not yours to write"
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"x")
    except OSError as error:
        return f"{place}: {error.strerror}"
    return ""
