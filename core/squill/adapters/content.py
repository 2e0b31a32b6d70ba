"""The two files that make an adapter, and the digest of their content."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from squill.errors import AdapterError

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = "adapters.safetensors"
CONFIG = "adapter_config.json"
CARD = "card.json"

_CONFIG_KEYS = ("fine_tune_type", "lora_parameters", "num_layers")
_CHUNK = 1 << 20  # bytes


def read_config(folder: Path) -> dict[str, Any]:
    """What mlx-lm reads of its adapter_config.json, the run's own settings and paths left out.

    Raises:
        AdapterError: it is missing or no JSON object.
    """
    path = folder / CONFIG
    try:
        config = dict(json.loads(path.read_bytes()).items())
    except FileNotFoundError as error:
        raise missing(path) from error
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise AdapterError(
            f"{path} is not an adapter's configuration ({error}). Publish the adapter again."
        ) from error
    return {key: config[key] for key in _CONFIG_KEYS if key in config}


def canonical_config(folder: Path) -> bytes:
    """`read_config` in its one spelling: equal settings are equal bytes."""
    return to_json(read_config(folder))


def to_json(value: object) -> bytes:
    """Sorted, compact JSON.

    Raises:
        AdapterError: the value holds a NaN or an infinity.
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise AdapterError(
            "An adapter's configuration and figures must be finite numbers. Measure it again."
        ) from error
    return text.encode("ascii")


def adapter_digest(folder: Path) -> str:
    """SHA-256 of the canonical configuration, a newline, and the weight file; hexadecimal.

    Raises:
        AdapterError: a file is missing or cannot be read.
    """
    digest = hashlib.sha256(canonical_config(folder) + b"\n")
    path = folder / WEIGHTS
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except FileNotFoundError as error:
        raise missing(path) from error
    except OSError as error:
        raise AdapterError(
            f"{path} cannot be read ({error.strerror}). Publish the adapter again."
        ) from error
    return digest.hexdigest()


def missing(path: Path) -> AdapterError:
    """The user's sentence for an adapter's file that is not there."""
    return AdapterError(
        f"{path.parent} has no {path.name}, so it is no adapter. "
        "Publish it again, or correct the path."
    )
