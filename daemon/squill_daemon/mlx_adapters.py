"""One base model, many adapters: loaded beside it, put in place by exchanging pointers.

Model thread only. The base's weights are held once: an adapter is a set of modules that wrap the
base's own, and selecting it replaces those leaves of the module tree by their wrappers.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx.nn.layers.embedding import Embedding
from mlx.nn.layers.linear import Linear
from mlx.nn.layers.quantized import QuantizedEmbedding, QuantizedLinear

from squill.errors import AdapterError
from squill.memory import available_bytes
from squill.model_files import out_of_memory
from squill_daemon.adapter_files import check_adapter
from squill_daemon.deferred import defer_package

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from squill.adapters import AdapterCard, AdapterRegistry
    from squill_daemon.adapter_files import AdapterFiles

FUSED_BYTES = 256 << 20
"""Up to so many bytes of float32 weights are copied, to spare each token the low-rank products."""

_LEAVES = ("lora_a", "lora_b", "m")


@dataclass(frozen=True, slots=True, eq=False)
class LoadedAdapter:
    """``modules`` by their dotted paths in the model; ``nbytes`` is what they hold of their own."""

    digest: str
    modules: Mapping[str, Any]
    nbytes: int


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in the module tree: ``container[key]``, and the base's module that belongs there."""

    container: Any
    key: Any
    base: Any

    def put(self, module: Any) -> None:
        self.container[self.key] = module


class AdapterSwitch:
    """Decides which adapter a model's next forward pass goes through."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._selected: LoadedAdapter | None = None
        self._slots: dict[str, _Slot] = {}

    @property
    def selected(self) -> LoadedAdapter | None:
        return self._selected

    def select(self, loaded: LoadedAdapter | None) -> None:
        """Put the adapter's modules in place, or the base's own for None. Computes nothing."""
        if loaded is self._selected:
            return
        for path in self._selected.modules if self._selected else ():
            self._slots[path].put(self._slots[path].base)
        self._selected = None
        if loaded is not None:
            for path in loaded.modules:
                if path not in self._slots:
                    self._slots[path] = _slot(self.model, path)
            for path, module in loaded.modules.items():
                self._slots[path].put(module)
        self._selected = loaded


def load_adapter(
    model: Any,
    folder: Path,
    card: AdapterCard,
    base_digest: str,
    prompt_format: str,
    *,
    fused_bytes: int = FUSED_BYTES,
) -> LoadedAdapter:
    """The adapter in ``folder``, checked and evaluated, for ``model`` with no adapter selected.

    The model is the same afterwards. LoRA is fused into copies of the layers where these take no
    more than ``fused_bytes`` and are float32, so that fusing rounds nothing away. DoRA always is:
    unfused it normalises every weight matrix anew for each token.

    Raises:
        AdapterError: it is damaged, foreign, or too large for the memory that is free.
    """
    files = check_adapter(folder, card, base_digest, prompt_format)
    modules = _wrappers(model, files)
    _check_fit(modules, files)
    try:
        return _filled(modules, files, fused_bytes)
    except (RuntimeError, ValueError, KeyError, MemoryError) as error:
        if out_of_memory(error):
            raise _too_large(files) from error
        raise _unusable(files, error) from error


class ResidentAdapters:
    """The adapters held beside one model, the least recently used going first.

    ``budget_bytes`` bounds them together; the newest stays, however large it is. An adapter that
    was dropped while a request or the switch still holds it is freed when they let go of it.
    """

    def __init__(
        self,
        switch: AdapterSwitch,
        registry: AdapterRegistry,
        base_digest: str,
        prompt_format: str,
        budget_bytes: int,
    ) -> None:
        self._switch = switch
        self._registry = registry
        self._base_digest = base_digest
        self._prompt_format = prompt_format
        self._budget = budget_bytes
        self._loaded: OrderedDict[str, LoadedAdapter] = OrderedDict()

    @property
    def digests(self) -> tuple[str, ...]:
        """Those in memory, the least recently used first."""
        return tuple(self._loaded)

    @property
    def nbytes(self) -> int:
        return sum(loaded.nbytes for loaded in self._loaded.values())

    def get(self, digest: str) -> LoadedAdapter:
        """The adapter, from memory or else from the registry; a unique prefix will do.

        Loading one puts the base in place, so select after it.

        Raises:
            AdapterError: it is not there, or cannot be loaded.
        """
        if digest not in self._loaded:
            digest = self._load(digest)
        self._loaded.move_to_end(digest)
        return self._loaded[digest]

    def drop_all(self) -> None:
        """Put the base in place and let go of every adapter."""
        self._switch.select(None)
        self._loaded.clear()

    def _load(self, digest: str) -> str:
        card = self._registry.card(digest)
        if card.digest not in self._loaded:
            self._switch.select(None)
            folder = self._registry.folder(card.digest)
            loaded = load_adapter(
                self._switch.model, folder, card, self._base_digest, self._prompt_format
            )
            self._loaded[card.digest] = loaded
            while self.nbytes > self._budget and len(self._loaded) > 1:
                self._loaded.popitem(last=False)
        return card.digest


def _slot(model: Any, path: str) -> _Slot:
    container, keys = model, path.split(".")
    for key in keys[:-1]:
        container = container[int(key) if isinstance(container, list) else key]
    last = int(keys[-1]) if isinstance(container, list) else keys[-1]
    return _Slot(container, last, container[last])


def _wrappers(model: Any, files: AdapterFiles) -> dict[str, Any]:
    """mlx-lm's own wrappers for this configuration, by path; none stays in the model."""
    try:
        wrappers = _ordinary_wrappers(model, files)
        if wrappers is None:
            wrappers = _any_wrappers(model, files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(files, error) from error
    return {path: module.eval() for path, module in wrappers.items()}  # dropout is for training


def _ordinary_wrappers(model: Any, files: AdapterFiles) -> dict[str, Any] | None:
    """Those that mlx-lm's function would put there, if they are of ordinary layers by name.

    Importing that function takes a second, for which the first answer with an adapter would wait.
    """
    keys = files.parameters.get("keys")
    if files.dora or not keys:
        return None
    named = dict(model.named_modules())
    paths = {id(module): path for path, module in named.items()}
    chosen = {path: module for path, module in named.items() if path in keys}
    for block in model.layers[-max(files.num_layers, 0) :]:
        within = (module for name, module in block.named_modules() if name in keys)
        chosen |= {paths[id(module)]: module for module in within}
    defer_package("mlx_lm.tuner")
    from mlx_lm.tuner.lora import LoRAEmbedding, LoRALinear

    kinds: dict[type, Any] = {Linear: LoRALinear, QuantizedLinear: LoRALinear}
    kinds |= {Embedding: LoRAEmbedding, QuantizedEmbedding: LoRAEmbedding}
    if not {type(module) for module in chosen.values()} <= kinds.keys():
        return None
    how = {name: files.parameters[name] for name in ("scale", "dropout")}
    return {
        path: kinds[type(module)].from_base(module, r=files.parameters["rank"], **how)
        for path, module in chosen.items()
    }


def _any_wrappers(model: Any, files: AdapterFiles) -> dict[str, Any]:
    from mlx_lm.tuner.utils import linear_to_lora_layers

    slots = {path: _slot(model, path) for path, _ in model.named_modules() if path}
    try:
        linear_to_lora_layers(model, files.num_layers, dict(files.parameters), use_dora=files.dora)
        return {
            path: slot.container[slot.key]
            for path, slot in slots.items()
            if slot.container[slot.key] is not slot.base
        }
    finally:
        for slot in slots.values():
            slot.put(slot.base)


def _check_fit(modules: Mapping[str, Any], files: AdapterFiles) -> None:
    wanted = {
        f"{path}.{leaf}": tuple(module[leaf].shape)
        for path, module in modules.items()
        for leaf in _LEAVES
        if leaf in module
    }
    for name in sorted(wanted.keys() | files.shapes.keys()):
        if wanted.get(name) != files.shapes.get(name):
            raise AdapterError(
                f"Adapter {files.digest[:16]} does not fit the model: {name[:80]!r} is "
                f"{_shown(files.shapes.get(name))} where the model wants "
                f"{_shown(wanted.get(name))}. Train it again on this model."
            )


def _shown(shape: tuple[int, ...] | None) -> str:
    return "nothing" if shape is None else " x ".join(map(str, shape))


def _filled(modules: Mapping[str, Any], files: AdapterFiles, fused_bytes: int) -> LoadedAdapter:
    weights: Any = mx.load(str(files.weights))
    for path, module in modules.items():
        dtype = _serving_dtype(module)
        for leaf in _LEAVES:
            if leaf in module:
                weight = weights[f"{path}.{leaf}"]
                module[leaf] = weight if dtype is None else weight.astype(dtype)
    fuse = files.dora or _is_fused(modules, fused_bytes)
    filled = {path: _fused(module) if fuse else module for path, module in modules.items()}
    own = [array for module in filled.values() for array in _own_arrays(module)]
    nbytes = sum(array.nbytes for array in own)
    if nbytes > available_bytes():
        raise _too_large(files)
    for array in own:  # one after the other: fusing needs room for each matrix
        mx.eval(array)
    return LoadedAdapter(files.digest, filled, nbytes)


def _wrapped(module: Any) -> Any:
    return module["linear"] if "linear" in module else module["embedding"]


def _weight_dtype(module: Any) -> mx.Dtype:
    """The type that the wrapped layer computes in."""
    layer = _wrapped(module)
    dtype: mx.Dtype = layer["scales" if "scales" in layer else "weight"].dtype
    return dtype


def _serving_dtype(module: Any) -> mx.Dtype | None:
    """float32 beside float32, where anything else would be converted anew each pass; else as is."""
    return mx.float32 if _weight_dtype(module) == mx.float32 else None


def _is_fused(modules: Mapping[str, Any], fused_bytes: int) -> bool:
    layers = [_wrapped(module) for module in modules.values()]
    exact = all("scales" not in layer and layer.weight.dtype == mx.float32 for layer in layers)
    return exact and sum(layer.weight.nbytes for layer in layers) <= fused_bytes


def _fused(module: Any) -> Any:
    """A plain layer in the base's type; never quantised, which would lose what was learned."""
    layer = module.fuse(dequantize=True)
    layer.weight = layer.weight.astype(_weight_dtype(module))  # the magnitudes are float32
    return layer.eval()


def _own_arrays(module: Any) -> list[mx.array]:
    """What the adapter holds itself, the base's arrays left out."""
    if "lora_a" in module:
        return [module[leaf] for leaf in _LEAVES if leaf in module]
    return [module["weight"]]


def _too_large(files: AdapterFiles) -> AdapterError:
    return AdapterError(
        f"There is not memory enough for adapter {files.digest[:16]}. "
        "Close other programs, or activate a smaller adapter."
    )


def _unusable(files: AdapterFiles, error: Exception) -> AdapterError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return AdapterError(
        f"Adapter {files.digest[:16]} cannot be used with this model: {reason} "
        "Train it again on this model."
    )
