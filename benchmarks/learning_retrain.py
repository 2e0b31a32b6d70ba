"""The one place where the benchmark meets the trainer: pairs in, the adapter in use out."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from squill.adapters import user_registry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from learning_data import Case

EXAMPLES = ".squill/examples/pairs.jsonl"
_DONE = (0, 1)
"""Exit codes of `squill train --once`: published, and refused by the gate."""


class RetrainingError(Exception):
    """`squill train` failed; the message is what it said."""


def retrain(pairs: Sequence[Case], workspace: Path) -> str | None:
    """Teach ``pairs`` in a workspace as a user would, and say which adapter is in use there now.

    ``workspace`` holds the tables' definitions. What it taught before is what the training may
    start from. None for the base model: nothing was published yet.

    Raises:
        RetrainingError: the training did not come to an end.
    """
    examples = workspace / EXAMPLES
    examples.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"question": pair.question, "sql": pair.sql}) for pair in pairs]
    examples.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "squill", "train", "--once"]
    ended = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
    if ended.returncode not in _DONE:
        raise RetrainingError(
            f"`squill train --once` ended with code {ended.returncode}: {ended.stderr.strip()}"
        )
    return user_registry().active(str(workspace))
