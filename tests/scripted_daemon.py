"""A daemon that answers from a script: everything real but the model, as `fake_daemon`.

``SQUILL_FAKE_ANSWERS`` is a JSON map from questions to lists of statements; a question that is
not in it has no candidates. One that begins with ``hang`` runs until it is cancelled; one that
begins with ``pace`` too, and writes a token for each byte of the file ``SQUILL_FAKE_PACE``.
While the file ``SQUILL_FAKE_GATE`` is named and missing, the model goes on loading.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fake_daemon import FakeEngine, written
from squill_daemon.commands.daemon import main
from squill_daemon.engine import Answer, Candidate, ModelInfo, Step

if TYPE_CHECKING:
    from collections.abc import Generator

    from squill.settings import Settings
    from squill_daemon.requests import GenerateRequest


class ScriptedEngine(FakeEngine):
    def load(self) -> ModelInfo:
        gate = os.environ.get("SQUILL_FAKE_GATE")
        while gate and not Path(gate).exists():
            time.sleep(0.01)
        return super().load()

    def generate(self, request: GenerateRequest, arrival: float) -> Generator[Step, None, Answer]:
        if request.question.startswith("hang"):
            return (yield from super().generate(request, arrival))
        yield Step("prefill")
        if request.question.startswith("pace"):
            yield from _tokens(Path(os.environ["SQUILL_FAKE_PACE"]))
        script = json.loads(os.environ.get("SQUILL_FAKE_ANSWERS", "{}"))
        answers = script.get(request.question, [])[: request.n]
        for answer in answers:
            yield written(answer)
        refused = None if answers else "the model does not know"
        candidates = tuple(Candidate(sql, (), -0.1) for sql in answers)
        return Answer(candidates, refused, "sqlite", "default", "scripted")


def _tokens(pace: Path) -> Generator[Step, None, None]:
    for count in itertools.count(1):
        while pace.stat().st_size < count:
            time.sleep(0.002)
        yield written(f"SELECT {count}")


def make(settings: Settings) -> ScriptedEngine:
    return ScriptedEngine(settings.model)


if __name__ == "__main__":
    os.environ.setdefault("SQUILL_DAEMON_COMMAND", f"{sys.executable} {__file__}")
    sys.exit(main(sys.argv[1:], make))
