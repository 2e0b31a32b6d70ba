"""A daemon with everything real but the model: ``python tests/fake_daemon.py run|start|…``.

`FakeEngine` writes ``SELECT 1``, ``SELECT 2``, … word by word. A question that begins with

- ``hang`` never ends by itself: tokens come until it is cancelled;
- ``crash`` raises an exception that is not Squill's;
- ``refuse`` has no candidates.

``SQUILL_FAKE_ANSWER`` replaces the SQL. ``SQUILL_FAKE_LOAD=error`` makes loading fail.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from typing import TYPE_CHECKING

from squill.errors import ModelNotFoundError
from squill_daemon.commands.daemon import main
from squill_daemon.engine import (
    Answer,
    Candidate,
    EngineFigures,
    Loaded,
    ModelInfo,
    Prefilled,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from squill.settings import Settings
    from squill_daemon.engine import Row
    from squill_daemon.requests import AdapterRequest, GenerateRequest, PrefillRequest, Request


def written(text: str) -> Step:
    """The step that has just written ``text``."""
    return Step("decode", lambda: text, tokens=1)


class FakeEngine:
    """An `Engine` without a model."""

    def __init__(self, model_name: str = "") -> None:
        self.model_name = model_name or "fake"

    def load(self) -> ModelInfo:
        if os.environ.get("SQUILL_FAKE_LOAD") == "error":
            raise ModelNotFoundError("There is no model at /nowhere. Correct `model`.")
        return ModelInfo("fake", "0" * 64, "cpu", "none")

    def generate(self, request: GenerateRequest, _: float) -> Generator[Step, None, Answer]:
        yield Step("prefill")
        if request.question.startswith("hang"):
            for count in itertools.count(1):
                time.sleep(0.002)  # a token takes a while
                yield written(f"SELECT {count}")
        if request.question.startswith("crash"):
            raise ZeroDivisionError("the model's code failed")
        refused = "Nothing fits." if request.question.startswith("refuse") else None
        default = [f"SELECT {n + 1}" for n in range(request.n)]
        answers = [a] if (a := os.environ.get("SQUILL_FAKE_ANSWER")) else default
        for end in range(1, len(answers[0]) + 1):
            yield written(answers[0][:end])
        candidates = tuple(Candidate(sql, (), -0.1) for sql in answers)
        return Answer(() if refused else candidates, refused, "sqlite", "default", "fake")

    def prefill(self, request: PrefillRequest, _: float) -> Generator[Step, None, Prefilled]:
        yield Step("prefill")
        return Prefilled(len(str(request.schema)), 0)

    def load_adapter(self, request: AdapterRequest) -> Generator[Step, None, Loaded]:
        yield Step("prefill")
        return Loaded(request.digest, 0)

    def prepare(self, request: Request) -> Request:
        return request

    def launch(self, rows: Sequence[Row]) -> None:
        raise AssertionError(f"no step named a row, and yet {rows}")

    def land(self) -> None:
        pass

    def abandon(self) -> None:
        pass

    def tune(self) -> bool:
        return True

    def rest(self) -> None:
        pass

    def shed(self) -> str:
        return ""

    def unload(self) -> None:
        pass

    def figures(self) -> EngineFigures:
        return EngineFigures()

    def close(self) -> None:
        pass


def make(settings: Settings) -> FakeEngine:
    return FakeEngine(settings.model)


if __name__ == "__main__":
    os.environ.setdefault("SQUILL_DAEMON_COMMAND", f"{sys.executable} {__file__}")
    sys.exit(main(sys.argv[1:], make))
