"""Which pairs a training does not see, so that something is left to ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill.pairs import Pair

FEWEST = 40
"""With fewer pairs each of them is needed, and nothing is held out."""
_ONE_IN = 8


def split(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """(to learn from, held out). A pair's own digest decides, so it stays where it is."""
    if len(pairs) < FEWEST:
        return list(pairs), []
    held_out = [pair for pair in pairs if int(pair.digest[:8], 16) % _ONE_IN == 0]
    return [pair for pair in pairs if pair not in held_out], held_out
