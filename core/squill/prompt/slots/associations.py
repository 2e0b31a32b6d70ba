"""Which words of columns a word of a question speaks of: "december" of "date", "coach" of "team".

Counted over the questions that the embedded model was trained on
(`squill_trainer.pretrain.association`); it belongs to the model's weights, which learned to follow
these links.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("associations.json")


class Association(NamedTuple):
    """``schemas``: in how many the word was met. ``columns``: keys of columns' words, each with
    the share of them in which it stood for that word.
    """

    schemas: int
    columns: dict[str, float]


@cache
def associations() -> dict[str, Association]:
    """By the key of the question's word (`squill.prompt.slots.keys`)."""
    found = json.loads(FILE.read_text(encoding="utf-8"))
    return {word: Association(*entry) for word, entry in found.items()}
