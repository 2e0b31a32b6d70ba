"""Which adapter a workspace uses, and those it used before: one small file for each workspace."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from squill.adapters.card import optional_digest
from squill.adapters.content import to_json
from squill.errors import AdapterError
from squill.files import explained, locked, replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

_HISTORY = 8  # adapters that a workspace can go back to


@dataclass(frozen=True, slots=True)
class Pointer:
    """``active`` is a digest, or None for the base model; ``history`` is oldest first."""

    workspace: str
    active: str | None
    history: tuple[str | None, ...] = ()

    def moved_to(self, digest: str | None) -> Pointer:
        """The pointer after ``digest`` was activated."""
        if digest == self.active:
            return self
        return Pointer(self.workspace, digest, (*self.history, self.active)[-_HISTORY:])

    def rolled_back(self) -> Pointer:
        """The pointer one step back; needs a history."""
        return Pointer(self.workspace, self.history[-1], self.history[:-1])


def normal_workspace(workspace: str) -> str:
    """One spelling of an absolute folder path; "" is the default of all workspaces.

    Raises:
        AdapterError: the path is relative.
    """
    if not workspace:
        return ""
    if not os.path.isabs(workspace):  # noqa: PTH117 (a pure function of the text)
        raise AdapterError(
            f"The workspace {workspace!r} is a relative path. Give the folder's absolute path."
        )
    return os.path.normpath(workspace)


class Pointers:
    """The pointer files in ``folder``. Reading takes no lock, writing needs `lock`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lock(self) -> AbstractContextManager[None]:
        for folder in (self._folder.parent, self._folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return locked(self._folder / ".lock")

    def read(self, workspace: str) -> Pointer | None:
        """The workspace's own pointer, or None where it has none. Takes the lock on damage.

        Raises:
            AdapterError: the file is damaged. It was moved aside, so the next call finds none.
        """
        path = self._path(workspace)
        with contextlib.suppress(_DamagedError):
            return _read(path)
        with explained(f"Moving the damaged file {path} aside", AdapterError), self.lock():
            return self.read_locked(workspace)

    def read_locked(self, workspace: str) -> Pointer | None:
        """As `read`, for a caller that holds the lock."""
        path = self._path(workspace)
        try:
            return _read(path)
        except _DamagedError as error:
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            raise AdapterError(
                f"The record of the active adapter was damaged and is now {aside} ({error}). "
                "Until an adapter is activated again, none is used."
            ) from error

    def recovered(self, workspace: str) -> Pointer | None:
        """As `read_locked`, for one who is about to write: a damaged pointer is none."""
        with contextlib.suppress(AdapterError):
            return self.read_locked(workspace)
        return None

    def write(self, pointer: Pointer) -> None:
        """Replace the workspace's pointer; the caller holds the lock."""
        replace_file(self._path(pointer.workspace), to_json(asdict(pointer)))

    def all(self) -> Iterator[Pointer]:
        """Every workspace's pointer; damaged ones are left out."""
        for path in sorted(self._folder.glob("*.json")):
            with contextlib.suppress(_DamagedError):
                if pointer := _read(path):
                    yield pointer

    def _path(self, workspace: str) -> Path:
        name = hashlib.sha256(workspace.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{name[:32]}.json"


class _DamagedError(Exception):
    pass


def _read(path: Path) -> Pointer | None:
    try:
        data = json.loads(path.read_bytes())
        return Pointer(
            str(data["workspace"]),
            optional_digest(data["active"]),
            tuple(optional_digest(digest) for digest in data["history"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _DamagedError(repr(error)) from error
    except OSError as error:
        raise AdapterError(
            f"{path} cannot be read ({error.strerror}). Make it readable, or remove it."
        ) from error
