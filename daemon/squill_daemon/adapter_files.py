"""An adapter's files, checked before MLX reads them: foreign and damaged ones are refused.

NumPy only, so it may run on any thread. What is checked here against the file itself,
`squill_daemon.mlx_adapters` checks against the model: that every tensor fits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from squill.adapters import CONFIG, WEIGHTS, adapter_digest, read_config
from squill.errors import AdapterError, ModelUnsupportedError
from squill.model_files import tensor_headers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from squill.adapters import AdapterCard

_LARGEST_RANK = 1024
_LARGEST_SCALE = 1000.0
_LEAVES = frozenset(("lora_a", "lora_b", "m"))
# Each type's unsigned integer of the same size, and its exponent's bits: all set in NaN, infinity.
_FLOATS = {"F32": ("<u4", 0x7F800000), "F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80)}


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """A checked adapter. ``shapes`` are those of the weight file, by the tensors' names."""

    digest: str
    weights: Path
    dora: bool
    num_layers: int
    parameters: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Tensor:
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def check_adapter(
    folder: Path, card: AdapterCard, base_digest: str, prompt_format: str
) -> AdapterFiles:
    """What the adapter in ``folder`` is, once nothing speaks against loading it.

    ``base_digest`` and ``prompt_format`` are those of the model that is to carry it.

    Raises:
        AdapterError: one sentence on what is wrong with it, and what to do.
    """
    _check_origin(card, base_digest, prompt_format)
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise AdapterError(f"Adapter {folder} has no {name}. Publish it again.")
    tensors = _tensors(folder / WEIGHTS)
    digest = adapter_digest(folder)
    if digest != card.digest:
        raise AdapterError(
            f"The content of adapter {folder} has changed since it was published "
            f"(its digest is now {digest[:16]}). Publish it again."
        )
    files = _settings(folder, digest, {name: tensor.shape for name, tensor in tensors.items()})
    _check_names(files)
    _check_values(files.weights, tensors)
    return files


def _check_origin(card: AdapterCard, base_digest: str, prompt_format: str) -> None:
    if card.base != base_digest:
        raise AdapterError(
            f"Adapter {card.digest[:16]} was trained on another base model "
            f"({card.base[:16]}, not {base_digest[:16]}). Load that model, or train it again."
        )
    if card.prompt_format != prompt_format:
        raise AdapterError(
            f"Adapter {card.digest[:16]} was trained on prompts of format {card.prompt_format!r}, "
            f"and the model reads {prompt_format!r}. Train it again."
        )


def _tensors(path: Path) -> dict[str, _Tensor]:
    try:
        headers = tensor_headers(path)
        return {name: _tensor(header) for name, header in headers.items()}
    except ModelUnsupportedError as error:
        raise AdapterError(
            f"{path} is damaged: it is no whole safetensors file. Publish the adapter again."
        ) from error
    except (ValueError, TypeError) as error:
        raise AdapterError(f"{path} is damaged: {error}. Publish the adapter again.") from error


def _tensor(header: Mapping[str, Any]) -> _Tensor:
    """The header's entry, once its type, shape and place in the file agree."""
    dtype, shape, (start, end) = header["dtype"], header.get("shape"), header["data_offsets"]
    if dtype not in _FLOATS:
        raise ValueError(f"a tensor of type {dtype}")
    if not isinstance(shape, list) or not all(type(n) is int and n > 0 for n in shape):
        raise ValueError(f"a tensor of shape {str(shape)[:80]}")
    size = math.prod(shape) * np.dtype(_FLOATS[dtype][0]).itemsize
    if not (type(start) is type(end) is int and start >= 0 and end - start == size):
        raise ValueError("a tensor's shape and its place in the file do not agree")
    return _Tensor(dtype, tuple(shape), start, end)


def _settings(folder: Path, digest: str, shapes: dict[str, tuple[int, ...]]) -> AdapterFiles:
    config = read_config(folder)
    kind = config.get("fine_tune_type", "lora")
    if kind not in ("lora", "dora"):
        raise AdapterError(
            f"Adapter {folder} is of the unknown fine_tune_type {str(kind)[:40]!r}. "
            "Train it as lora or dora."
        )
    layers, parameters = config.get("num_layers"), config.get("lora_parameters")
    if type(layers) is not int or layers < -1:
        raise _absurd(folder, "num_layers", layers)
    if not isinstance(parameters, dict):
        raise _absurd(folder, "lora_parameters", parameters)
    for name, sensible in _SENSIBLE.items():
        if not sensible(parameters.get(name)):
            raise _absurd(folder, name, parameters.get(name))
    return AdapterFiles(digest, folder / WEIGHTS, kind == "dora", layers, parameters, shapes)


def _absurd(folder: Path, name: str, value: object) -> AdapterError:
    return AdapterError(
        f"Adapter {folder} cannot have {name} = {str(value)[:40]}. Correct it and train it again."
    )


def _within(value: object, low: float, high: float) -> bool:
    return type(value) in (int, float) and low <= value <= high  # type: ignore[operator]


def _is_keys(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(key, str) for key in value))


_SENSIBLE = {
    "rank": lambda value: type(value) is int and 1 <= value <= _LARGEST_RANK,
    "scale": lambda value: _within(value, 1e-6, _LARGEST_SCALE),
    "dropout": lambda value: _within(value, 0.0, 0.99),
    "keys": _is_keys,
}


def _check_names(files: AdapterFiles) -> None:
    """Every adapted module has all its tensors, of the configured rank, and there is nothing else.

    Raises:
        AdapterError: something is missing, foreign, or of another rank.
    """
    modules: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in files.shapes.items():
        module, _, leaf = name.rpartition(".")
        if not module or leaf not in _LEAVES:
            raise _foreign(files, f"{name[:80]!r} is no adapter's tensor")
        modules.setdefault(module, {})[leaf] = shape
    if not modules:
        raise _foreign(files, "it holds no tensors")
    wanted = _LEAVES if files.dora else _LEAVES - {"m"}
    for module, shapes in modules.items():
        if shapes.keys() != wanted:
            raise _foreign(files, f"{module[:80]!r} has {', '.join(sorted(shapes))}")
        if _ranks(shapes) != {files.parameters["rank"]}:
            raise _foreign(files, f"{module[:80]!r} is not of rank {files.parameters['rank']}")


def _ranks(shapes: Mapping[str, tuple[int, ...]]) -> set[int]:
    a, b = shapes["lora_a"], shapes["lora_b"]
    if len(a) == len(b) == 2:
        return {a[1], b[0]}
    if len(a) == len(b) == 3:  # one pair for each expert
        return {a[1], b[2]}
    return set()


def _foreign(files: AdapterFiles, what: str) -> AdapterError:
    return AdapterError(
        f"The weights of adapter {files.digest[:16]} do not fit its configuration: {what}. "
        "Train it again with mlx-lm or Squill."
    )


def _check_values(path: Path, tensors: Mapping[str, _Tensor]) -> None:
    """No NaN, no infinity, and somewhere a ``lora_b`` that is not zero, as it was at first."""
    file = np.memmap(path, mode="r", dtype=np.uint8)
    data = file[8 + int.from_bytes(file[:8].tobytes(), "little") :]
    moved = False
    for name, tensor in tensors.items():
        bits = data[tensor.start : tensor.end].view(_FLOATS[tensor.dtype][0])
        if _is_infinite(bits, _FLOATS[tensor.dtype][1]):
            raise AdapterError(
                f"{path}: {name[:80]!r} holds NaN or infinity, so the training diverged. "
                "Train it again with a lower learning rate."
            )
        moved = moved or (name.endswith(".lora_b") and bool((bits << 1).any()))  # less the sign
    if not moved:
        raise AdapterError(
            f"{path}: every lora_b is zero, so the weights never moved. Train the adapter again."
        )


def _is_infinite(bits: NDArray[np.unsignedinteger[Any]], exponent: int) -> bool:
    return bool(((bits & exponent) == exponent).any())
