"""Directories that only their owner may enter: the access boundary of socket, lock and caches."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from squill.errors import SocketPathError
from squill.files import is_full, remedy

if TYPE_CHECKING:
    from pathlib import Path


def make_private_directory(path: Path, variable: str = "SQUILL_RUNTIME_DIR") -> Path:
    """Create ``path`` with mode 0700 where it is missing, then check it.

    ``variable`` of the environment is what a user sets to have it elsewhere.

    Raises:
        SocketPathError: it cannot be created, or `check_private_directory` refuses it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        advice = f"Set {variable} to a directory of your own."
        raise SocketPathError(
            f"The directory {path} can't be created ({error.strerror}). "
            f"{remedy(error) if is_full(error) else advice}"
        ) from error
    return check_private_directory(path, variable)


def check_private_directory(path: Path, variable: str = "SQUILL_RUNTIME_DIR") -> Path:
    """The path itself, where nobody but the current user can reach what is in it.

    Raises:
        FileNotFoundError: there is no such directory.
        SocketPathError: it is a link, belongs to someone else, or others may enter it.
    """
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode):
        trouble = "is not a directory (a link is not followed)"
    elif found.st_uid != os.getuid():
        trouble = f"belongs to user {found.st_uid}, not to you"
    elif found.st_mode & 0o077:
        trouble = f"is open to other users (mode {stat.S_IMODE(found.st_mode):o}, not 700)"
    else:
        return path
    raise SocketPathError(
        f"{path} {trouble}, so Squill does not use it. Remove it, correct it "
        f"(chmod 700 {path}), or set {variable} to a directory of your own."
    )
