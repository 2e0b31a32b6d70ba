"""mlx_lm.server with what Squill gives MLX on a CPU: the same BLAS, and weights in float32.

Started by latency.py as the second server of the comparison; takes mlx_lm.server's options.
"""

from __future__ import annotations

import importlib
from typing import Any

from squill.blas import load_blas
from squill_daemon.backend import served_backend

blas = load_blas()  # before anything imports MLX

import mlx.core as mx  # noqa: E402
from mlx_lm.utils import dequantize_model  # noqa: E402

server: Any = importlib.import_module("mlx_lm.server")
_load = server.load


def load_float32(*places: Any, **options: Any) -> Any:
    """mlx-lm's ``load``, with the arithmetic that is fast on a CPU."""
    model, *others = _load(*places, **options)
    if mx.default_device() == mx.cpu:
        dequantize_model(model).set_dtype(mx.float32)
        mx.eval(model.parameters())
    return (model, *others)


if __name__ == "__main__":
    print("BLAS:", served_backend(blas), flush=True)
    server.load = load_float32
    server.main()
