"""What a model answered, kept line by line, so that a run that was killed can go on."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from squill.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from squill_trainer.evaluation.questions import Question


@dataclass(frozen=True, slots=True)
class Run:
    """Who answers, and how: predictions of different runs do not mix. Digests name contents."""

    model: str
    digest: str
    adapter: str | None
    constrained: bool
    version: str
    device: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """``sql`` is None where there was no valid answer, and ``refused`` says why.

    ``asked`` is `fingerprint`'s, so that an answer to a changed question is not taken.
    """

    id: str
    asked: str
    sql: str | None
    refused: str | None
    milliseconds: float
    prompt_tokens: int
    generated_tokens: int


def fingerprint(question: Question) -> str:
    """Names what the model is asked: the table definitions and the question."""
    return hashlib.sha256(f"{question.schema}\0{question.question}".encode()).hexdigest()[:16]


def kept(path: Path) -> tuple[Run | None, dict[str, Prediction]]:
    """The run and the predictions of a file by their questions' ids; nothing where there is none.

    The line that a killed process left unfinished is not taken.

    Raises:
        UsageError: the file cannot be read, or is none of ours.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return None, {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}).") from error
    if not lines:
        return None, {}
    try:
        run = Run(**json.loads(lines[0]))
        found = [Prediction(**json.loads(line)) for line in lines[1:]]
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{path} does not hold predictions of this version of Squill ({error}). "
            "Move it away, or name another folder."
        ) from error
    return run, {prediction.id: prediction for prediction in found}


@contextmanager
def appended(path: Path, run: Run) -> Iterator[Callable[[Prediction], None]]:
    """Adds predictions to the file, each whole in it once the call has returned.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        whole = _whole_bytes(path)
        with path.open("ab") as file:
            file.truncate(whole)
            if not whole:
                file.write(_line(asdict(run)))
            file.flush()

            def add(prediction: Prediction) -> None:
                file.write(_line(asdict(prediction)))
                file.flush()

            yield add
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}).") from error


def _whole_bytes(path: Path) -> int:
    return path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"
