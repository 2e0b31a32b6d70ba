"""Who wants which workspace learned: a small file each, so that one trainer serves all.

::

    trainer/
    ├── lock             held by the trainer that watches
    └── <hash>-<pid>.json    a workspace, and the process that it is watched for
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from squill.files import locked_if_free, replace_file
from squill.paths import runtime_paths
from squill.private import make_private_directory
from squill.training.history import workspace_name

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """``editor`` is an editor's section of the settings, as JSON; it goes before the files, and
    ``model`` before both. ``trusted``: what a front end says of the workspace, None for the list.
    """

    workspace: str
    pid: int
    model: str = ""
    editor: str = ""
    trusted: bool | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """They, for a command line of ``squill train``."""
        model = ("--model", self.model) if self.model else ()
        editor = ("--editor-settings", self.editor) if self.editor else ()
        return (*model, *editor, *trust_arguments(self.trusted))


class WatchRequests:
    """Those of the current user, in the runtime folder."""

    def __init__(self) -> None:
        runtime = make_private_directory(runtime_paths().directory)
        self._folder = make_private_directory(runtime / "trainer")

    def add(self, request: WatchRequest) -> Path:
        """It holds for as long as its process lives, and its file is there."""
        name = f"{workspace_name(Path(request.workspace))}-{request.pid}.json"
        path = self._folder / name
        replace_file(path, json.dumps(asdict(request)).encode())
        return path

    def standing(self) -> dict[str, WatchRequest]:
        """One request for each workspace; those of processes that have ended are removed."""
        found: dict[str, WatchRequest] = {}
        for path in sorted(self._folder.glob("*.json")):
            request = _read(path)
            if request is not None and _is_alive(request.pid):
                found[request.workspace] = request
            else:
                path.unlink(missing_ok=True)
        return found

    def sole(self) -> AbstractContextManager[bool]:
        """Whether this process is the one that watches, for as long as the context is open."""
        return locked_if_free(self._folder / "lock")


def trust_arguments(trusted: bool | None) -> tuple[str, ...]:
    """What a front end tells ``squill train`` of the workspace's trust."""
    return () if trusted is None else ("--trust",) if trusted else ("--restricted",)


def _read(path: Path) -> WatchRequest | None:
    try:
        return WatchRequest(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
