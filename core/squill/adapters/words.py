"""Which questions an adapter is for: those with one of the words that it has learned."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from squill.prompt.words import stem

if TYPE_CHECKING:
    from collections.abc import Collection

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


def spoken_words(text: str) -> list[str]:
    """In order and lower case; a hyphen joins, so that "walk-ins" is one."""
    return _WORD.findall(text.lower())


def speaks_of(words: Collection[str], question: str) -> bool:
    """Whether a question has one of an adapter's words, which are stems; without any, all do."""
    return not words or any(stem(word) in words for word in spoken_words(question))
