"""Which pairs a training does not see, so that something is left to ask it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from squill_trainer.learning.confinement import words_of_each

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from squill.pairs import Pair
    from squill_trainer.learning.examples import Example

FEWEST = 40
"""With fewer pairs each of them is needed, and nothing is held out."""
_ONE_IN = 8

_FEWEST_TO_LEAVE_OUT = 8
_ONE_IN_LEFT_OUT = 6
_LEFT_TO_LEARN_FROM = 2
"""Pairs that a word of a pair that is left out must have besides it."""


def split(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """(to learn from, held out). A pair's own digest decides, so it stays where it is."""
    if len(pairs) < FEWEST:
        return list(pairs), []
    held_out = [pair for pair in pairs if int(pair.digest[:8], 16) % _ONE_IN == 0]
    return [pair for pair in pairs if pair not in held_out], held_out


def choose_left_out(pairs: Mapping[str, Example], known: Collection[str]) -> list[str]:
    """Digests of those that a training of few pairs is asked first and learns afterwards.

    None of them is ``known`` to the adapter in use, which is asked them too. Each has a query of
    its own, and no word that fewer than two others show: nobody could know what it means.
    """
    if len(pairs) < _FEWEST_TO_LEAVE_OUT:
        return []
    words = dict(zip(pairs, words_of_each(list(pairs.values())), strict=True))
    queries = Counter(_form(example) for example in pairs.values())
    shown = Counter(word for own in words.values() for word in own)
    chosen: list[str] = []
    for digest in sorted(pairs.keys() - set(known)):
        if len(chosen) == len(pairs) // _ONE_IN_LEFT_OUT:
            break
        learnable = all(shown[word] > _LEFT_TO_LEARN_FROM for word in words[digest])
        if learnable and queries[_form(pairs[digest])] == 1:
            chosen.append(digest)
            shown.subtract(words[digest])
    return chosen


def _form(example: Example) -> str:
    return " ".join(example.sql.split()).casefold()
