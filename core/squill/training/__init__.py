"""What trainer, daemon and language server agree on: how a training goes, and what it came to."""

from __future__ import annotations

import os
import shlex

from squill.children import own_module
from squill.training.history import Training, TrainingHistory
from squill.training.report import CHANGED, REPORT, TrainingReport

__all__ = [
    "CHANGED",
    "REPORT",
    "Training",
    "TrainingHistory",
    "TrainingReport",
    "trainer_command",
]


def trainer_command() -> list[str]:
    """How `squill train` is called (``SQUILL_TRAINER_COMMAND``, else this Python)."""
    if override := os.environ.get("SQUILL_TRAINER_COMMAND"):
        return shlex.split(override)
    return own_module("squill", "train")
