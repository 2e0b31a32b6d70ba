"""What each training of a workspace came to, kept for the user and against doing it twice."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from squill.files import explained, locked, replace_file
from squill.paths import state_directory

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_MOST = 100


@dataclass(frozen=True, slots=True)
class Training:
    """One that came to its end. ``subject`` names model and pairs, ``time`` is UTC in ISO 8601.

    ``digest`` is the candidate's, None where none was made; ``before`` and ``after`` are its
    figures as the user reads them; ``losses`` are each step's, in nats a token.
    """

    subject: str
    time: str
    digest: str | None
    promoted: bool
    reason: str
    pairs: int
    before: str
    after: str
    seconds: float
    losses: tuple[float, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        return asdict(self) | {"losses": list(self.losses)}


def subject_of(base: str, pairs: Iterable[str]) -> str:
    """One name for a model's digest with a set of pairs' digests."""
    return hashlib.sha256("\n".join([base, *sorted(pairs)]).encode()).hexdigest()


def workspace_name(workspace: Path) -> str:
    """A file name for what is kept for a workspace."""
    folder = os.path.normpath(workspace.absolute())
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]


class TrainingHistory:
    """The trainings of one workspace, in the user's state folder. Files block."""

    def __init__(self, workspace: Path) -> None:
        name = workspace_name(workspace)
        self._path = state_directory() / "training" / f"{name}.history.jsonl"

    def read(self) -> list[Training]:
        """Oldest first; a line that is damaged is left out."""
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return []
        return [found for line in lines if (found := _training(line))]

    def tried(self, subject: str) -> Training | None:
        """The last training of that subject, whatever it came to."""
        return next((each for each in reversed(self.read()) if each.subject == subject), None)

    def add(self, training: Training) -> None:
        """
        Raises:
            SquillError: it cannot be written.
        """
        with explained(f"Writing {self._path}"):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with locked(self._path.with_suffix(".lock")):
                kept = [*self.read(), training][-_MOST:]
                lines = [json.dumps(each.to_wire(), ensure_ascii=False) + "\n" for each in kept]
                replace_file(self._path, "".join(lines).encode())


def _training(line: bytes) -> Training | None:
    try:
        data = json.loads(line)
        return Training(**(data | {"losses": tuple(map(float, data["losses"]))}))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
