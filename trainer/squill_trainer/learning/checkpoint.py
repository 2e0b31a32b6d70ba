"""A training's state on disk: whole or not there, and only for the training that wrote it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from squill.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from squill_trainer.learning.lora import LoraTraining


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The file of one training. ``subject`` says what is trained on what, in JSON's terms."""

    path: Path
    subject: dict[str, Any]

    def save(self, training: LoraTraining) -> None:
        """Written aside, then renamed: a kill leaves the last one, or this one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        about = {"step": str(training.step), "subject": self._key(training)}
        with replacing(self.path) as aside:
            mx.save_safetensors(str(aside), training.state(), about)

    def resume(self, training: LoraTraining) -> bool:
        """Put the training where the checkpoint left it; False where there is none of it."""
        try:
            loaded: Any = mx.load(str(self.path), return_metadata=True)
            state, about = loaded
        except (OSError, RuntimeError):  # none, or one that is damaged
            return False
        if not isinstance(about, dict) or about.get("subject") != self._key(training):
            return False
        training.restore(state, int(about["step"]))
        return True

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)

    def _key(self, training: LoraTraining) -> str:
        told = json.dumps([self.subject, training.describe()], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()
