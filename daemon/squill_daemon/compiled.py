"""One decoding step as a compiled graph: fused kernels, and no Python between the layers.

MLX compiles a function for the shapes that it is called with, so the keys and values are arrays
of constant size, written at an offset that is an array too. mlx-lm's `KVCache` keeps just such
arrays, but lets them have any length once a prompt was read in pieces. MLX forgets no shape that
it compiled for, some 80 KB each, so their lengths are rounded here. Import and use on the model
thread only.
"""

from __future__ import annotations

import logging
import tempfile
from collections import OrderedDict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import KVCache, make_prompt_cache

if TYPE_CHECKING:
    from collections.abc import Callable

    from squill_daemon.mlx_adapters import LoadedAdapter
    from squill_daemon.prefix_cache import LayerCaches

    Arrays = list[mx.array]
    Compiled = Callable[[mx.array, mx.array, Arrays, Arrays], tuple[mx.array, Arrays, Arrays]]

log = logging.getLogger(__name__)

_MOST_ADAPTERS = 8
_TOLERANCE = 1e-2  # of the largest logit: float16 kernels may round in another order


class CompiledStep:
    """The compiled steps of one model, one for each adapter, which must be in place in the model.

    Until `prepare` has run, and where it found that the model cannot be compiled, nothing is
    `ready` and steps are to be taken plainly.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._steps: OrderedDict[LoadedAdapter | None, Compiled] = OrderedDict()
        self._usable = True

    def prepare(self, adapter: LoadedAdapter | None) -> None:
        """Compile and try out; seconds where the kernels are new to this machine."""
        if adapter in self._steps or not self._usable:
            return
        step = self._compile()
        try:
            self._usable = self._agrees(step)
        except Exception as error:  # noqa: BLE001 (a model's own code: it may want a number, say)
            log.info("decoding is not compiled: %r", error)
            self._usable = False
        if self._usable:
            _compiled_before().touch()
            self._steps[adapter] = step
            if len(self._steps) > _MOST_ADAPTERS:
                self._steps.popitem(last=False)

    def ready(self, adapter: LoadedAdapter | None, layers: LayerCaches) -> bool:
        """Whether there is a step for this adapter and for such ``layers``."""
        return adapter in self._steps and all(map(_is_ordinary, layers))

    def __call__(self, adapter: LoadedAdapter | None, token: int, layers: LayerCaches) -> mx.array:
        """Logits (1, vocabulary) behind ``token``, whose keys and values go into ``layers``."""
        for layer in layers:
            _make_place(layer)
        return _advance(self._steps[adapter], token, layers)

    def forget_adapters(self) -> None:
        for adapter in [adapter for adapter in self._steps if adapter is not None]:
            del self._steps[adapter]

    def _compile(self) -> Compiled:
        model = self._model

        def step(
            token: mx.array, offset: mx.array, keys: Arrays, values: Arrays
        ) -> tuple[mx.array, Arrays, Arrays]:
            layers = [_At(offset, k, v) for k, v in zip(keys, values, strict=True)]
            logits = model(token, cache=layers)[:, -1, :]
            return logits, [layer.keys for layer in layers], [layer.values for layer in layers]

        compiled: Compiled = mx.compile(step)
        return compiled

    def _agrees(self, step: Compiled) -> bool:
        """Whether two compiled steps give what two plain ones give."""
        plain, layers = make_prompt_cache(self._model), make_prompt_cache(self._model)
        for caches in (plain, layers):
            mx.eval(self._model(mx.array([[1, 2]]), cache=caches))
        if not all(map(_is_ordinary, layers)):
            return False
        for token in (3, 1):
            expected = self._model(mx.array([[token]]), cache=plain)[:, -1, :]
            found = _advance(step, token, layers)
            scale = float(np.abs(np.array(expected.astype(mx.float32))).max())
            worst = float(np.abs(np.array((expected - found).astype(mx.float32))).max())
            if not worst <= _TOLERANCE * scale:
                log.warning("compiled decoding differs by %g of %g: not used", worst, scale)
                return False
        return True


def kernels_are_cached() -> bool:
    """Whether a step was compiled on this machine before: MLX keeps a CPU's kernels on disk."""
    return mx.default_device() != mx.cpu or _compiled_before().exists()


def _compiled_before() -> Path:
    return Path(tempfile.gettempdir()) / f"squill-compiled-{version('mlx')}"


def _is_ordinary(layer: Any) -> bool:
    return type(layer) is KVCache and layer.keys is not None


def _make_place(layer: Any) -> None:
    """For one more token, in arrays of a length that is a multiple of mlx-lm's step."""
    length = layer.keys.shape[2]
    wanted = -(-max(length, layer.offset + 1) // KVCache.step) * KVCache.step
    if wanted > length:
        widths = [(0, 0), (0, 0), (0, wanted - length), (0, 0)]
        layer.keys, layer.values = mx.pad(layer.keys, widths), mx.pad(layer.values, widths)


def _advance(step: Compiled, token: int, layers: LayerCaches) -> mx.array:
    logits, keys, values = step(
        mx.array([[token]]),
        mx.array([layers[0].offset]),
        [layer.keys for layer in layers],
        [layer.values for layer in layers],
    )
    # Nothing else may hold the old arrays when this is evaluated: MLX then writes in place.
    for layer, new_keys, new_values in zip(layers, keys, values, strict=True):
        layer.keys, layer.values = new_keys, new_values
        layer.offset += 1
    return logits


class _At:
    """Stands in for a layer's cache while a step is traced."""

    def __init__(self, offset: mx.array, keys: mx.array, values: mx.array) -> None:
        self.offset = offset
        self.keys = keys
        self.values = values

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        self.keys = mx.slice_update(self.keys, keys, self.offset, axes=(2,))
        self.values = mx.slice_update(self.values, values, self.offset, axes=(2,))
        return self.keys, self.values

    def make_mask(
        self,
        length: int,
        *,
        return_array: bool = False,  # noqa: ARG002 (mlx-lm's name; it is always an array)
        window_size: int | None = None,
    ) -> mx.array:
        if window_size is not None:
            raise ValueError("a sliding window needs a cache of its own")
        places = mx.arange(self.keys.shape[2])
        return places[None] <= self.offset + mx.arange(length)[:, None]
