"""Identifiers and questions as words."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PIECE = re.compile(r"[^\W\d_]+|\d+")
_WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Word:
    """A letter run, a digit run or one other character; ``start`` and ``end`` in characters."""

    text: str
    start: int
    end: int


def identifier_words(name: str) -> list[str]:
    """Lower-case words of a name: ``currentSlogan``, ``Current slogan``, ``current_slogan`` alike.

    Signs carry no meaning in a name and could spell a control token, so they are left out.
    """
    return [piece.lower() for piece in _PIECE.findall(_CAMEL.sub(" ", name))]


def question_words(question: str) -> list[Word]:
    """The words of a question in order; white space separates and is not a word."""
    return [Word(m.group(), m.start(), m.end()) for m in _WORD.finditer(question)]


def stem(word: str) -> str:
    """A word without the commonest English plural endings, for comparing names with questions."""
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if len(word) > len(ending) + 1 and word.endswith(ending):
            return word[: len(word) - len(ending)] + replacement
    return word
