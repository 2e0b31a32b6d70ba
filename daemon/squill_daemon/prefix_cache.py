"""Keys and values of prompts read before, found by their tokens. Lives on the model thread."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from mlx_lm.models.cache import can_trim_prompt_cache, trim_prompt_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LayerCaches = list[Any]
"""One mlx-lm cache object for each layer of the model."""


class PrefixCache:
    """Belongs to one model with one adapter: a swap makes a new one, so keys cannot be mixed up.

    What is stored is never changed again: readers get copies, which share the arrays until one
    of them writes (MLX copies on write).
    """

    def __init__(self, make: Callable[[], LayerCaches], most_entries: int, most_bytes: int) -> None:
        self._make = make
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._entries: OrderedDict[tuple[int, ...], LayerCaches] = OrderedDict()

    def fetch(self, tokens: Sequence[int]) -> tuple[LayerCaches, int]:
        """A cache that holds the longest known prefix of ``tokens``, and that prefix's length.

        The last token is always left to be read: its pass gives the logits.
        """
        best: tuple[int, ...] | None = None
        length = 0
        for known, layers in self._entries.items():
            shared = min(_common_prefix(known, tokens), len(tokens) - 1)
            if shared > length and (shared == len(known) or can_trim_prompt_cache(layers)):
                best, length = known, shared
        if best is None:
            return self._make(), 0
        self._entries.move_to_end(best)
        layers = copy.deepcopy(self._entries[best])
        if length < len(best):
            trim_prompt_cache(layers, len(best) - length)
        return layers, length

    def store(self, tokens: Sequence[int], layers: LayerCaches) -> None:
        """Keep ``layers``, which hold exactly ``tokens``. The caller gives it away."""
        key = tuple(tokens)
        if not key:
            return
        if can_trim_prompt_cache(layers):  # then it serves every prefix of itself as well
            for known in [k for k in self._entries if k == key[: len(k)]]:
                del self._entries[known]
        self._entries[key] = layers
        self._entries.move_to_end(key)
        while len(self._entries) > self._most_entries or (
            len(self._entries) > 1 and self.nbytes > self._most_bytes
        ):
            self._entries.popitem(last=False)

    @property
    def nbytes(self) -> int:
        return sum(layer.nbytes for layers in self._entries.values() for layer in layers)

    def clear(self) -> None:
        self._entries.clear()


def _common_prefix(known: Sequence[int], tokens: Sequence[int]) -> int:
    shared = 0
    for mine, theirs in zip(known, tokens, strict=False):
        if mine != theirs:
            break
        shared += 1
    return shared
