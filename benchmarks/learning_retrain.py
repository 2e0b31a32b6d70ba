"""The one place where the benchmark meets the trainer: pairs in, the adapter in use out."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from squill.adapters import user_registry
from squill.children import own_module

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learning_data import Case

EXAMPLES = ".squill/examples/pairs.jsonl"
_DONE = (0, 1)
"""Exit codes of `squill train --once`: published, and refused by the gate. Python ends with the
latter as well where it fails, but says nothing on standard output."""
_SQUILL = tuple(own_module("squill", "train"))
_HURRIED = (sys.executable, str(Path(__file__).with_name("learning_train.py")))


class RetrainingError(Exception):
    """`squill train` failed; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Retrained:
    """``adapter`` is the one in use now, None for the base model: nothing was published yet.

    ``cpu_seconds`` are those of `squill train` alone, ``said`` is its last line.
    """

    adapter: str | None
    cpu_seconds: float
    said: str


def retrain(pairs: Sequence[Case], workspace: Path, *, hurried: bool) -> Retrained:
    """Teach ``pairs`` in a workspace as a user would, and say which adapter is in use there now.

    ``workspace`` holds the tables' definitions. What it taught before is what the training may
    start from. ``hurried``: at this process's priority instead of the lowest.

    Raises:
        RetrainingError: the training did not come to an end.
    """
    examples = workspace / EXAMPLES
    examples.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"question": pair.question, "sql": pair.sql}) for pair in pairs]
    examples.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = (*(_HURRIED if hurried else _SQUILL), "--once")
    before = _cpu_seconds()
    ended = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
    if ended.returncode not in _DONE or not ended.stdout.strip():
        raise RetrainingError(
            f"`squill train --once` ended with code {ended.returncode}: {ended.stderr.strip()}"
        )
    adapter = user_registry().active(str(workspace))
    return Retrained(adapter, _cpu_seconds() - before, ended.stdout.strip())


def _cpu_seconds() -> float:
    """Of the children that have ended; the daemon lives on, so it is not among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
