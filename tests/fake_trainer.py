"""In the place of ``squill train --once``: notes its call, and remembers a refusal as that does.

A line of JSON for each call goes to the file ``SQUILL_FAKE_TRAININGS``: the workspace, the
questions of its pairs, and what an editor has set. With ``SQUILL_FAKE_FAILURE`` it ends with that
exit code instead.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from squill.model_files import content_digest, model_folder
from squill.pairs.store import PairStore
from squill.settings import Settings
from squill.training import Training, TrainingHistory
from squill.training.history import subject_of


def main(arguments: list[str]) -> int:
    workspace = Path(arguments[arguments.index("--workspace") + 1])
    pairs = PairStore(workspace, Settings()).load().usable
    note: dict[str, object] = {"workspace": str(workspace)}
    note |= {"questions": [pair.question for pair in pairs], "editor": _editor(arguments)}
    with Path(os.environ["SQUILL_FAKE_TRAININGS"]).open("a") as file:
        file.write(json.dumps(note) + "\n")
    if code := os.environ.get("SQUILL_FAKE_FAILURE"):
        return int(code)
    subject = subject_of(content_digest(model_folder("")), (pair.digest for pair in pairs))
    TrainingHistory(workspace).add(
        Training(subject, "", None, False, "refused", len(pairs), "0/1", "0/1", 0.0)
    )
    return 1


def _editor(arguments: list[str]) -> object:
    name = "--editor-settings"
    return json.loads(arguments[arguments.index(name) + 1]) if name in arguments else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
