"""A model's folder: found, fetched from the hub, and checked before MLX touches it."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from squill.errors import (
    ModelError,
    ModelNotFoundError,
    ModelTooLargeError,
    ModelUnsupportedError,
)
from squill.hub import cached_folder, fetch
from squill.memory import available_bytes
from squill.paths import EMBEDDED_MODEL
from squill.trust import is_trusted

EMBEDDED_NAME = "embedded"

_HEADER_LIMIT = 100_000_000  # bytes; the safetensors format's own limit
_DIGEST_BYTES = 1 << 20
_KIND = re.compile(r"\w[\w.-]*")  # mlx-lm imports a module of this name
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1}
_BYTES |= {"U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1}
_MALFORMED = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)
ROOM = 1.2
"""Memory for a model against its weights: caches, activations, the interpreter."""


def model_folder(model: str) -> Path:
    """The folder of ``model``: a path, a hub id, or "" for the embedded model.

    A hub id is looked for in the local cache first; only one that is not there is fetched.

    Raises:
        ModelNotFoundError: there is no such folder and no such model on the hub.
    """
    if not model:
        return _existing(EMBEDDED_MODEL, "Reinstall Squill, or set `model` to one of your own.")
    if path := _local(model, Path()):
        return _existing(path, "Correct `model`: a folder with config.json, or a hub id.")
    return _from_hub(model)


def canonical_model(model: str, base: Path) -> str:
    """One spelling for each model: a local folder as an absolute path (``base`` is its start)."""
    path = _local(model, base) if model else None
    return str(path.resolve()) if path else model


def _local(model: str, base: Path) -> Path | None:
    """The folder that ``model`` names; None for a hub id.

    A folder OWNER/NAME in ``base`` is meant only where ``base`` is trusted: in a cloned repository
    it would take the place of the hub's model that its user named.
    """
    path = base / Path(model).expanduser()
    is_meant = _is_path(model) or (path.exists() and is_trusted(base))
    return path if is_meant else None


def _is_path(model: str) -> bool:
    return model.startswith((".", "/", "~")) or model.count("/") != 1


def _existing(path: Path, advice: str) -> Path:
    if not path.is_dir():
        raise ModelNotFoundError(f"There is no model folder at {path}. {advice}")
    return path


def _from_hub(model: str) -> Path:
    folder = cached_folder(model)
    if folder is not None:
        with suppress(ModelError):  # where some of its weights are missing
            weight_files(folder)
            return folder
    if Path(model).exists():
        raise ModelNotFoundError(
            f"{model} is a folder here, and may be meant as a hub id. "
            f"Write ./{model} for the folder, or fetch the other with `squill model pull`."
        )
    return fetch(model)


def memory_needed(folder: Path, *, as_float32: bool) -> int:
    """Bytes of memory that a daemon with this model takes, about.

    Raises:
        ModelNotFoundError, ModelUnsupportedError: as `check_files`.
    """
    config = read_config(folder)
    return sum(
        int(ROOM * _loaded_bytes(path, config, as_float32=as_float32))
        for path in weight_files(folder)
    )


def check_files(folder: Path, *, as_float32: bool) -> dict[str, Any]:
    """The model's config, once the folder is complete and fits into memory.

    Raises:
        ModelNotFoundError: a file is missing.
        ModelUnsupportedError: a file is damaged or of an unknown kind.
        ModelTooLargeError: the weights need more memory than there is.
    """
    needed, free = memory_needed(folder, as_float32=as_float32), available_bytes()
    if needed > free:
        raise ModelTooLargeError(
            f"The model in {folder} needs about {needed / 1e9:.1f} GB of memory and "
            f"{free / 1e9:.1f} GB are free. Close other programs or choose a smaller model."
        )
    return read_config(folder)


def read_config(folder: Path) -> dict[str, Any]:
    """
    Raises:
        ModelNotFoundError, ModelUnsupportedError: as `check_files`.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelNotFoundError(
            f"{folder} has no config.json, so it is not a model folder. Correct `model`."
        ) from error
    except (OSError, ValueError) as error:
        raise ModelUnsupportedError(f"{path} cannot be read ({error}). Fetch it again.") from error
    if not isinstance(config, dict) or "model_type" not in config:
        raise ModelUnsupportedError(f"{path} names no model_type. Fetch the model again.")
    _refuse_code(path, config)
    return config


def _refuse_code(path: Path, config: dict[str, Any]) -> None:
    """Some versions of mlx-lm run the file that ``model_file`` names, others ask for consent."""
    parts = [config, *(part for part in config.values() if isinstance(part, dict))]
    for part in parts:
        if part.get("model_file") is not None:
            raise ModelUnsupportedError(
                f"{path} has the model built by a Python file of its own "
                f"({part['model_file']!r}), which Squill never runs. Choose a model of a kind that "
                "mlx-lm knows."
            )
        if not _KIND.fullmatch(str(part.get("model_type", "llama"))):
            raise ModelUnsupportedError(
                f"{path}: {part['model_type']!r} can't be a model_type. Fetch the model again."
            )


def weight_files(folder: Path) -> list[Path]:
    """All weight files, those that an index names included.

    Raises:
        ModelNotFoundError: one is missing.
        ModelUnsupportedError: the index cannot be read.
    """
    found = set(folder.glob("model*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if index.exists():
        try:
            names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise ModelUnsupportedError(f"{index} cannot be read. Fetch it again.") from error
        if any(Path(str(name)).name != name for name in names):
            raise ModelUnsupportedError(
                f"{index} names weights outside the model's folder. Fetch the model again."
            )
        found |= {folder / name for name in names}
    missing = sorted(path.name for path in found if not path.is_file())
    if missing or not found:
        what = missing[0] if missing else "model.safetensors"
        raise ModelNotFoundError(
            f"{folder} lacks {what}. Fetch the model again; only safetensors weights are read."
        )
    return sorted(found)


def _loaded_bytes(path: Path, config: dict[str, Any], *, as_float32: bool) -> int:
    """What the file's tensors take once loaded. Checks that the file is whole."""
    tensors = tensor_headers(path)
    if not as_float32:
        return path.stat().st_size
    quantization = config.get("quantization") or {}
    bits = quantization.get("bits", 0) if isinstance(quantization, dict) else 0
    total = 0
    for tensor in tensors.values():
        items = (tensor["data_offsets"][1] - tensor["data_offsets"][0]) // _BYTES[tensor["dtype"]]
        packed = tensor["dtype"] == "U32" and bits
        total += 4 * (items * 32 // bits if packed else items)
    return total


def tensor_headers(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: name -> dtype, shape, data_offsets.

    Raises:
        ModelUnsupportedError: it is no safetensors file, or cut off.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header: dict[str, Any] = json.loads(file.read(min(length, _HEADER_LIMIT)))
        header.pop("__metadata__", None)
        ends = (tensor["data_offsets"][1] for tensor in header.values())
        needed = 8 + length + max(ends, default=0)
        known = all(tensor["dtype"] in _BYTES for tensor in header.values())
    except _MALFORMED as error:
        raise ModelUnsupportedError(
            f"{path} is damaged: it is not a safetensors file. Fetch the model again."
        ) from error
    if needed != size:
        raise ModelUnsupportedError(
            f"{path} is cut off: {size} bytes of {needed}. Fetch the model again."
        )
    if not known:
        raise ModelUnsupportedError(
            f"{path} holds tensors of an unknown type. Update Squill, or choose another model."
        )
    return header


def end_tokens(folder: Path) -> set[int]:
    """The end tokens that config.json and generation_config.json name; each may lack some."""
    found: set[int] = set()
    for path in (folder / "config.json", folder / "generation_config.json"):
        try:
            value = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
        except (OSError, ValueError, AttributeError):
            continue
        values = value if isinstance(value, list) else [value]
        found |= {v for v in values if isinstance(v, int)}
    return found


def content_digest(folder: Path) -> str:
    """SHA-256 over config, prompt format, and the ends and sizes of the weight files."""
    digest = hashlib.sha256()
    for path in (folder / "config.json", folder / "squill.json", folder / "tokenizer.json"):
        digest.update(path.read_bytes() if path.exists() else b"")
    for path in weight_files(folder):
        with path.open("rb") as file:
            digest.update(f"{path.name} {path.stat().st_size}".encode())
            digest.update(file.read(_DIGEST_BYTES))
            file.seek(max(0, path.stat().st_size - _DIGEST_BYTES))
            digest.update(file.read())
    return digest.hexdigest()


def out_of_memory(error: Exception) -> bool:
    """Whether MLX or Python raised this for want of memory."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        sign in text for sign in ("malloc", "out of memory", "unable to allocate", "bad_alloc")
    )


def unsupported(folder: Path, error: Exception) -> ModelError:
    """The user's sentence for what mlx-lm raised while it built the model in ``folder``."""
    if out_of_memory(error):
        return ModelTooLargeError(
            f"Memory ran out while {folder} was loaded. "
            "Close other programs or choose a smaller model."
        )
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ModelUnsupportedError(
        f"The model in {folder} cannot be used: {reason} "
        "Choose a model that mlx-lm supports, or update Squill."
    )
