"""Giving memory back. Model thread only."""

from __future__ import annotations

import contextlib
import ctypes
import gc

import mlx.core as mx


def release_memory() -> None:
    """Give back what nothing holds any more, cycles of Python's objects included."""
    gc.collect()
    return_spare_memory()


def return_spare_memory() -> None:
    """Give what was freed back to the system, MLX's spare buffers included. A few milliseconds."""
    mx.clear_cache()
    with contextlib.suppress(OSError, AttributeError):  # glibc alone keeps freed pages back
        ctypes.CDLL(None).malloc_trim(0)
