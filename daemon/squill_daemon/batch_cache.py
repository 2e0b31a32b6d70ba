"""Keys and values of several texts in one array for each layer, as mlx-lm's models use a cache.

Each text has a place, and all of them end at one index: what lies before a text's beginning is
masked. A text that comes is written into a free place and one that goes leaves its place free, so
that neither moves the others. Model thread only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx_lm.models.cache import KVCache

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill_daemon.prefix_cache import LayerCaches

_STEP = 128
"""Tokens that room is made for at a time."""


class BatchCache:
    """``layers`` is what the model gets."""

    def __init__(self, texts: Sequence[LayerCaches], places: int) -> None:
        self._extent = extent = _Extent(places, _rounded(max(_length(text) for text in texts)))
        self.layers = [_Layer(extent, layer) for layer in texts[0]]

    @property
    def places(self) -> int:
        return len(self._extent.starts)

    @property
    def nbytes(self) -> int:
        return sum(layer.nbytes for layer in self.layers)

    @property
    def arrays(self) -> list[mx.array]:
        return [array for layer in self.layers for array in (layer.keys, layer.values)]

    def put(self, place: int, text: LayerCaches) -> None:
        """Write a text into a free place."""
        extent = self._extent
        if (length := _length(text)) > extent.end:
            self._lay_out(list(range(self.places)), _rounded(length) - extent.end)
        start = extent.end - length
        for layer, own in zip(self.layers, text, strict=True):
            layer.keys[place : place + 1, :, start : extent.end] = own.keys[..., :length, :]
            layer.values[place : place + 1, :, start : extent.end] = own.values[..., :length, :]
        extent.starts[place] = start

    def take(self, place: int) -> LayerCaches:
        """The text at a place, as a cache of its own."""
        start = self._extent.starts[place]
        assert start is not None, "nothing is there"
        return [layer.own(place, start, self._extent.end) for layer in self.layers]

    def free(self, place: int) -> None:
        self._extent.starts[place] = None

    def arrange(self, order: Sequence[int | None]) -> None:
        """New places: the text that was at ``order[i]`` is at ``i`` now; None for a free one."""
        starts = self._extent.starts
        self._extent.starts = [None if old is None else starts[old] for old in order]
        self._lay_out([old or 0 for old in order], 0)

    def begin_pass(self) -> None:
        """Before the model is called with one more token for each place."""
        if self._extent.end == self.layers[0].room:
            self._lay_out(list(range(self.places)), -self._extent.lowest)
        self._extent.begin_pass()

    def _lay_out(self, order: list[int], shift: int) -> None:
        """Into new arrays, moved by ``shift`` tokens, with room behind them."""
        for layer in self.layers:
            layer.lay_out(mx.array(order), self._extent.end, shift)
        self._extent.move(shift)


class _Extent:
    """Where the texts of a batch begin and end. All layers share it, and it knows none of them:
    a cycle would keep their arrays until Python looks for garbage.

    ``starts`` has None for a free place; ``offset`` is each place's own position.
    """

    def __init__(self, places: int, end: int) -> None:
        self.starts: list[int | None] = [None] * places
        self.first, self.end = 0, end
        self.offset = mx.array([0])
        self._positions = mx.array([0])

    @property
    def lowest(self) -> int:
        return min((start for start in self.starts if start is not None), default=self.end)

    def move(self, shift: int) -> None:
        self.starts = [None if start is None else start + shift for start in self.starts]
        self.end += shift

    def begin_pass(self) -> None:
        """This pass looks at what lies from ``first`` to ``end``; its own token is the last."""
        # At a free place the new token sees itself alone: nobody looks at what comes of it.
        starts = mx.array([self.end if start is None else start for start in self.starts])
        self.first, self.end = self.lowest, self.end + 1
        self.offset = self.end - 1 - starts
        self._positions = starts[:, None, None, None]

    def mask(self, window_size: int | None) -> mx.array:
        seen = mx.arange(self.first, self.end)
        mask = self._positions <= seen
        return mask if window_size is None else mask & (seen >= self.end - window_size)


class _Layer:
    """What a layer's attention sees as its cache."""

    def __init__(self, extent: _Extent, like: KVCache) -> None:
        self._extent = extent
        places, room = len(extent.starts), extent.end + _STEP
        self.keys = _zeros(like.keys, places, room)
        self.values = _zeros(like.values, places, room)

    @property
    def room(self) -> int:
        return int(self.keys.shape[2])

    @property
    def nbytes(self) -> int:
        return int(self.keys.nbytes + self.values.nbytes)

    @property
    def offset(self) -> mx.array:
        return self._extent.offset

    def make_mask(
        self,
        length: int,  # noqa: ARG002 (mlx-lm's names)
        *,
        return_array: bool = False,  # noqa: ARG002 (it is always an array)
        window_size: int | None = None,
    ) -> mx.array:
        return self._extent.mask(window_size)

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        first, end = self._extent.first, self._extent.end
        self.keys[..., end - 1 : end, :] = keys
        self.values[..., end - 1 : end, :] = values
        return self.keys[..., first:end, :], self.values[..., first:end, :]

    def own(self, place: int, start: int, end: int) -> KVCache:
        cache: Any = KVCache()  # type: ignore[no-untyped-call]
        cache.keys = mx.contiguous(self.keys[place : place + 1, :, start:end])
        cache.values = mx.contiguous(self.values[place : place + 1, :, start:end])
        cache.offset = end - start
        return cache  # type: ignore[no-any-return]

    def lay_out(self, order: mx.array, end: int, shift: int) -> None:
        self.keys = _laid_out(self.keys[order], end, shift)
        self.values = _laid_out(self.values[order], end, shift)


def _laid_out(array: mx.array, end: int, shift: int) -> mx.array:
    moved = array[:, :, max(0, -shift) : end]
    places, heads, _, width = array.shape
    before = mx.zeros((places, heads, max(0, shift), width), array.dtype)
    behind = mx.zeros((places, heads, _STEP, width), array.dtype)
    return mx.concatenate([before, moved, behind], axis=2)


def _zeros(like: Any, places: int, room: int) -> mx.array:
    _, heads, _, width = like.shape
    return mx.zeros((places, heads, room, width), like.dtype)


def _length(text: LayerCaches) -> int:
    return int(text[0].offset)


def _rounded(length: int) -> int:
    return -(-length // _STEP) * _STEP
