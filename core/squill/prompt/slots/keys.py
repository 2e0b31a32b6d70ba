"""What words that are alike have in common: the keys under which names and words are compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from squill.prompt.words import identifier_words, stem

if TYPE_CHECKING:
    from squill.prompt.slots.numbering import Numbering

_LENGTH = 6  # letters that are compared: "elected" and "election" are alike, so to speak
_CHUNK = re.compile(r"\S+")
_DIGITS = re.compile(r"\d+")
_LETTERS = re.compile(r"[^\W\d_]+")
_LONGEST_UNIT = 3
_PUNCTUATION = ".,?!;\"'"


def spelling_key(word: str) -> str:
    return stem(word.lower())[:_LENGTH]


def name_keys(name: str) -> tuple[str, ...]:
    return tuple(spelling_key(word) for word in identifier_words(name))


def word_keys(numbering: Numbering) -> list[str | None]:
    """For each word of the question its key, None for a sign.

    Numbers are alike where what is written around them is: "26:15" and "4:07" are both ``#0:0``.
    """
    keys: list[str | None] = []
    chunks = [(m.end(), m.group()) for m in _CHUNK.finditer(numbering.question)]
    position = 0
    for word in numbering.words:
        while chunks[position][0] <= word.start:
            position += 1
        if word.text.isdecimal():
            keys.append(_number_key(word.text, chunks[position][1]))
        else:
            keys.append(spelling_key(word.text) if word.text.isalnum() else None)
    return keys


def _number_key(digits: str, chunk: str) -> str:
    shape = _DIGITS.sub("0", chunk.strip(_PUNCTUATION))
    if shape != "0":
        return "#" + _LETTERS.sub(_unit, shape)
    year = len(digits) == 4 and digits[0] in "12"
    return "#year" if year else f"#{len(digits)}"


def _unit(letters: re.Match[str]) -> str:
    """Short ones as they are ("th", "km"), longer ones all alike."""
    return letters.group().lower() if len(letters.group()) <= _LONGEST_UNIT else "a"
