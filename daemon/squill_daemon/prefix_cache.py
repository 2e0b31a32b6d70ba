"""Keys and values of prompts read before, found by their tokens. Lives on the model thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlx_lm.models.cache import LRUPromptCache, can_trim_prompt_cache, trim_prompt_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LayerCaches = list[Any]
"""One mlx-lm cache object for each layer of the model."""

_MOST_ENTRIES = 1024


@dataclass(frozen=True, slots=True)
class Prefix:
    """A prompt that was read: ``layers`` hold exactly ``tokens``, read with ``adapter``."""

    adapter: str | None
    tokens: list[int]
    layers: LayerCaches

    @property
    def nbytes(self) -> int:
        return sum(layer.nbytes for layer in self.layers)


class PrefixCache:
    """mlx-lm's trie of prompts, keyed by adapter, the least recently stored forgotten first.

    It lives and dies with one base model. What is stored is never changed again: readers get
    copies, which share the arrays until one of them writes (MLX copies on write).
    """

    def __init__(self, make: Callable[[], LayerCaches], most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._make = make
        self._prompts = LRUPromptCache(_MOST_ENTRIES, most_bytes)
        self._last: Prefix | None = None

    def fetch(self, adapter: str | None, tokens: Sequence[int]) -> tuple[LayerCaches, int]:
        """A cache that holds the longest known prefix of ``tokens``, and that prefix's length.

        The last token is always left to be read: its pass gives the logits.
        """
        layers, left = self._prompts.fetch_nearest_cache(adapter, list(tokens))
        if layers is not None and not left:
            if not can_trim_prompt_cache(layers):
                return self._make(), 0
            trim_prompt_cache(layers, 1)
            left = [tokens[-1]]
        if layers is None:
            return self._make(), 0
        return layers, len(tokens) - len(left)

    def store(self, adapter: str | None, tokens: Sequence[int], layers: LayerCaches) -> None:
        """Keep ``layers``, which hold exactly ``tokens``. The caller gives it away."""
        if tokens:
            self._prompts.insert_cache(adapter, list(tokens), layers)
            self._last = Prefix(adapter, list(tokens), layers)

    @property
    def last(self) -> Prefix | None:
        """What was stored last, if it is still there."""
        return self._last if len(self) else None

    @property
    def nbytes(self) -> int:
        return int(self._prompts.nbytes)

    def __len__(self) -> int:
        return len(self._prompts)

    def clear(self) -> None:
        self._prompts.trim_to(n_sequences=0)
        self._last = None
