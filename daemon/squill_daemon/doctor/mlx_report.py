"""Run as a process of its own: what MLX says of itself, as one line of JSON. It may crash."""

from __future__ import annotations

import faulthandler
import json
import logging
from typing import Any

from squill.blas import load_blas
from squill.paths import cache_directory
from squill_daemon.backend import served_backend


class _Notes(logging.Handler):
    """Keeps what `load_blas` logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def report() -> dict[str, Any]:
    """Device, BLAS and how it came about; one product is computed on the device.

    Raises:
        ModelError: matrices are multiplied wrongly.
    """
    notes = _Notes()
    logger = logging.getLogger("squill.blas")
    logger.setLevel(logging.INFO)
    logger.addHandler(notes)
    cached = any((cache_directory() / "blas").glob("cblas-*.so"))
    blas = load_blas()

    import mlx.core as mx

    served = served_backend(blas)
    ones = mx.ones((8, 8))
    mx.eval(ones @ ones)
    gpu = mx.default_device() == mx.gpu
    return {
        "device": served if gpu else "cpu",
        "blas": served,
        "shim_cached": cached,
        "notes": notes.lines,
        **_libraries(),
    }


def _libraries() -> dict[str, str]:
    """Importing them is the check: a broken one keeps the daemon from loading any model."""
    import llguidance  # noqa: F401
    import mlx_lm.utils
    import tokenizers

    return {"mlx_lm": mlx_lm.__version__, "tokenizers": tokenizers.__version__}


if __name__ == "__main__":
    faulthandler.enable()
    print(json.dumps(report()))
