"""What multiplies matrices in this process. MLX is imported when it is asked, not before:
`squill.blas.load_blas` comes first.
"""

from __future__ import annotations

from typing import Any, cast

from squill.blas import check_served


def served_backend(blas: str) -> str:
    """Metal, cuda, or the BLAS that MLX really uses; ``blas`` is what `load_blas` said.

    Raises:
        ModelError: MLX multiplies wrongly with it.
    """
    import mlx.core as mx

    if mx.default_device() == mx.cpu:
        return check_served(blas, _multiply)
    return "Metal" if mx.metal.is_available() else "cuda"


def _multiply(left: list[list[float]], right: list[list[float]]) -> list[list[float]]:
    import mlx.core as mx

    product: Any = (mx.array(left, mx.float32) @ mx.array(right, mx.float32)).tolist()
    return cast("list[list[float]]", product)
