"""In the place of ``squill train --once``: notes its call, and remembers a refusal as that does.

A line of JSON for each call goes to the file ``SQUILL_FAKE_TRAININGS``: the workspace, and the
questions of its pairs. With ``SQUILL_FAKE_FAILURE`` it ends with that exit code instead.
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
    note = {"workspace": str(workspace), "questions": [pair.question for pair in pairs]}
    with Path(os.environ["SQUILL_FAKE_TRAININGS"]).open("a") as file:
        file.write(json.dumps(note) + "\n")
    if code := os.environ.get("SQUILL_FAKE_FAILURE"):
        return int(code)
    subject = subject_of(content_digest(model_folder("")), (pair.digest for pair in pairs))
    TrainingHistory(workspace).add(
        Training(subject, "", None, False, "refused", len(pairs), "0/1", "0/1", 0.0)
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
