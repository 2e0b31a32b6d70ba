"""Which words of columns a word of a question speaks of: "december" of "date", "coach" of "team".

Counted over the questions that the embedded model was trained on
(`squill_trainer.pretrain.association`); it belongs to the model's weights, which learned to follow
these links.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("associations.json")


@cache
def associations() -> dict[str, dict[str, float]]:
    """By the key of the question's word: keys of the columns' words, each with its share."""
    found: dict[str, dict[str, float]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
