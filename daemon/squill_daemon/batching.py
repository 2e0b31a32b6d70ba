"""Forward passes over many texts at once. Import and use on the model thread only.

A text that is alone, or that has a stretch of prompt to read, gets passes of its own. Where
several decode with the same adapter, their keys and values are merged into one batch that they
stay in: a pass then reads one token of each, at little more than the price of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import KVCache

from squill_daemon.batch_cache import BatchCache
from squill_daemon.compiled import CompiledStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from squill_daemon.mlx_adapters import LoadedAdapter
    from squill_daemon.prefix_cache import LayerCaches

    Logits = NDArray[np.float32]

CHUNK = 128
"""Prompt tokens read between two looks at the queue, of all texts together."""

_MOST_LOGITS = 1 << 18  # computed behind a prompt, of which the last token's alone are wanted
_LONGEST_LAST_CHUNK = 64
_MOST_ROWS = 32
_LEAST_SHARE = 3 / 8  # of a batch's places that are taken; below it, its rows are moved together
_UNMERGED = frozenset({"gemma2"})  # mlx-lm lays masks of several texts over that model's heads
_MOST_BYTES = 1 << 27  # of a batch: above it, moving keys and values costs more than passes save


class DecodingRow:
    """One text: its keys and values, and the tokens to be read next.

    ``logits`` (vocabulary,) are those behind the last token, once nothing is pending. ``meanwhile``
    is called while a pass runs. A row ``alone`` gets passes of its own; the others decode, and may
    lose their ``layers`` to a batch. Who made a row closes it.
    """

    def __init__(
        self,
        layers: LayerCaches,
        adapter: LoadedAdapter | None,
        pending: Iterable[int] = (),
        meanwhile: Callable[[], object] | None = None,
        *,
        alone: bool = False,
    ) -> None:
        self.layers = layers
        self.adapter = adapter
        self.pending = list(pending)
        self.meanwhile = meanwhile
        self.logits: Logits = np.zeros(0, np.float32)
        self.batch: _Batch | None = None
        self.closed = False
        # Other kinds of cache (sliding windows, states of recurrent layers) are left as they are.
        self.mergeable = not alone and all(type(layer) is KVCache for layer in layers)

    def close(self) -> None:
        self.closed = True
        self.layers = []
        if self.batch is not None:
            self.batch.row_closed()

    @property
    def nbytes(self) -> int:
        return sum(layer.nbytes for layer in self.layers)


class Batcher:
    """Runs the passes of one model. ``select`` puts an adapter in place."""

    def __init__(
        self, model: Any, select: Callable[[LoadedAdapter | None], None], vocabulary: int
    ) -> None:
        self._model = model
        self._merges = getattr(model, "model_type", "") not in _UNMERGED
        self._last_chunk = min(max(_MOST_LOGITS // vocabulary, 1), _LONGEST_LAST_CHUNK)
        self._select = select
        self._compiled = CompiledStep(model)
        self._batches: list[_Batch] = []
        self._passes: list[_Pass] = []

    def launch(self, rows: Sequence[DecodingRow]) -> None:
        """Begin a pass over ``rows``, each of which has something pending.

        Each reads its pending tokens or some of them: one where it is in a batch, and not more
        than `CHUNK` of all those that read a prompt. A row that is left out of a launch leaves
        its batch.
        """
        self._batches = [batch for batch in self._batches if batch.keep(set(rows))]
        self._passes = []
        for adapter in dict.fromkeys(row.adapter for row in rows):
            self._select(adapter)
            self._launch(adapter, [row for row in rows if row.adapter is adapter])
        mx.async_eval([one.outputs for one in self._passes])  # type: ignore[no-untyped-call]
        for row in rows:
            if row.meanwhile is not None:
                row.meanwhile()

    def land(self) -> None:
        """Wait for the passes; rows with nothing pending then have their logits."""
        passes, self._passes = self._passes, []
        for one in passes:
            mx.eval(one.outputs)
            logits = np.array(one.logits)
            for row, its_logits in zip(one.rows, logits, strict=True):
                if row is not None:
                    row.logits = its_logits

    def prepare(self, adapter: LoadedAdapter | None) -> None:
        """Compile what decoding with this adapter needs."""
        self._select(adapter)
        self._compiled.prepare(adapter)

    def forget_adapters(self) -> None:
        self._compiled.forget_adapters()

    def abandon(self) -> None:
        """Forget all rows, which have been closed."""
        self._passes = []
        self._batches = []

    def _launch(self, adapter: LoadedAdapter | None, rows: list[DecodingRow]) -> None:
        self._merge(adapter, rows)
        batches = dict.fromkeys(row.batch for row in rows if row.batch is not None)
        self._passes += [batch.step(self._model) for batch in batches]
        room = CHUNK
        for row in rows:
            if row.batch is None and room > 0:
                before = len(row.pending)
                self._passes.append(self._read(row, room))
                room -= before - len(row.pending)

    def _merge(self, adapter: LoadedAdapter | None, rows: list[DecodingRow]) -> None:
        """Into batches with those that decode, where they are not alone."""
        decoding = [row for row in rows if row.mergeable]
        if len(decoding) < 2 or not self._merges:
            return
        newcomers = [row for row in decoding if row.batch is None]
        for batch in self._batches:
            if batch.adapter is adapter:
                newcomers = batch.join(newcomers)
        while newcomers:
            batch = _Batch(adapter)
            left = batch.join(newcomers)
            if len(left) == len(newcomers):
                return  # too large for any batch
            self._batches.append(batch)
            newcomers = left

    def _read(self, row: DecodingRow, most: int) -> _Pass:
        """A pass over the next tokens of one row, ``most`` if that many are left."""
        count = len(row.pending)
        if count > self._last_chunk:
            count = min(count - self._last_chunk, most)
        tokens, row.pending = row.pending[:count], row.pending[count:]
        if count == 1 and self._compiled.ready(row.adapter, row.layers):
            logits = self._compiled(row.adapter, tokens[0], row.layers).astype(mx.float32)
        else:
            logits = self._model(mx.array([tokens]), cache=row.layers)[:, -1, :]
            logits = logits.astype(mx.float32)
        states = [array for layer in row.layers for array in _arrays(layer.state)]
        if row.pending:  # nobody asks for these logits: they are never computed
            return _Pass([], mx.zeros((0, 1)), states)
        return _Pass([row], logits, [logits, *states])


@dataclass(frozen=True, slots=True)
class _Pass:
    """``logits`` (rows, vocabulary) belong to ``rows``, those beside a None to nobody; ``outputs``
    is all that it computes.
    """

    rows: list[DecodingRow | None]
    logits: mx.array
    outputs: list[mx.array]


def _arrays(state: Any) -> list[mx.array]:
    return [item for item in state if isinstance(item, mx.array)]


class _Batch:
    """Rows of one adapter that share their passes, each at a place of one `BatchCache`."""

    def __init__(self, adapter: LoadedAdapter | None) -> None:
        self.adapter = adapter
        self._rows: list[DecodingRow | None] = []
        self._cache: BatchCache | None = None
        self._row_bytes = 0

    @property
    def rows(self) -> list[DecodingRow]:
        return [row for row in self._rows if row is not None]

    def join(self, rows: list[DecodingRow]) -> list[DecodingRow]:
        """Take ``rows`` in as far as there is place; the others are given back."""
        widest = max([self._row_bytes, *(row.nbytes for row in rows)])
        most = min(_MOST_ROWS, _MOST_BYTES // max(widest, 1))
        room = max(most - len(self.rows), 0)
        taken, left = rows[:room], rows[room:]
        if not taken:
            return left
        self._row_bytes = widest
        cache = self._with_places(len(self.rows) + len(taken), taken)
        for row in taken:
            place = self._rows.index(None)
            cache.put(place, row.layers)
            self._rows[place] = row
            row.batch, row.layers = self, []
        return left

    def _with_places(self, count: int, newcomers: list[DecodingRow]) -> BatchCache:
        if self._cache is None:
            places = _places(count)
            self._cache = BatchCache([row.layers for row in newcomers], places)
            self._rows = [None] * places
        elif count > len(self._rows):
            self._arrange(_places(count))
        return self._cache

    def _arrange(self, places: int) -> None:
        """The rows there are, in as many places as that."""
        assert self._cache is not None, "it holds rows"
        order = [place for place, row in enumerate(self._rows) if row is not None]
        free = [None] * (places - len(order))
        self._cache.arrange([*order, *free])
        self._rows = [*self.rows, *free]

    def step(self, model: Any) -> _Pass:
        """A pass over the next token of each row."""
        assert self._cache is not None, "it holds rows"
        self._cache.begin_pass()
        tokens = [0 if row is None else row.pending.pop(0) for row in self._rows]
        logits = model(mx.array(tokens)[:, None], cache=self._cache.layers)[:, -1, :]
        logits = logits.astype(mx.float32)
        return _Pass(list(self._rows), logits, [logits, *self._cache.arrays])

    def row_closed(self) -> None:
        if all(row.closed for row in self.rows):  # then nothing is worth its memory
            self._rows, self._cache = [], None

    def keep(self, rows: set[DecodingRow]) -> bool:
        """Let go of all others, with what is theirs where they are open; False for none left."""
        for place, row in enumerate(self._rows):
            if row is not None and row not in rows:
                self._let_go(place, row)
        left = self.rows
        if len(left) == 1:  # which is quicker alone
            self._let_go(self._rows.index(left[0]), left[0])
        elif left and len(left) <= _LEAST_SHARE * len(self._rows):
            self._arrange(_places(len(left)))
        return len(left) > 1

    def _let_go(self, place: int, row: DecodingRow) -> None:
        assert self._cache is not None, "it holds rows"
        if not row.closed:
            row.batch, row.layers = None, self._cache.take(place)
        self._cache.free(place)
        self._rows[place] = None


def _places(rows: int) -> int:
    """A power of two, so that few comings and goings need other arrays."""
    return 1 << max(rows - 1, 1).bit_length()
