"""How much disk and memory a model takes, from the number of its parameters and their bits."""

from __future__ import annotations

import platform
import sys
from typing import Any

from squill.model_files import ROOM

_FLOAT32_BYTES = 4
_GROUP = 64
_GROUP_BITS = 32  # a scale and a bias of 16 bits for each group of quantised weights


def bits_a_weight(bits: int, group: int = _GROUP) -> float:
    """What is stored for each weight, what its group shares included."""
    return bits + _GROUP_BITS / group if bits < 16 else bits


def disk_bytes(parameters: int, bits: int, group: int = _GROUP) -> int:
    return int(parameters * bits_a_weight(bits, group) / 8)


def memory_bytes(parameters: int, bits: int, *, on_cpu: bool) -> int:
    """On a CPU all weights become float32, as `squill_daemon.mlx_model` says."""
    held = _FLOAT32_BYTES * parameters if on_cpu else disk_bytes(parameters, bits)
    return int(ROOM * held)


def stored_bits(config: dict[str, Any]) -> tuple[int, int]:
    """Bits of a weight and size of a group, by the model's config."""
    quantization = config.get("quantization") or config.get("quantization_config") or {}
    if isinstance(quantization, dict) and isinstance(quantization.get("bits"), int):
        return quantization["bits"], int(quantization.get("group_size") or _GROUP)
    kind = str(config.get("torch_dtype") or config.get("dtype") or "")
    return (32 if kind.endswith("float32") else 16), _GROUP


def computes_on_cpu() -> bool:
    """Whether MLX will: on Apple silicon it has a GPU, elsewhere it is asked."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return False
    try:
        import mlx.core as mx
    except ImportError:  # `squill doctor` says why
        return True
    return bool(mx.default_device() == mx.cpu)
