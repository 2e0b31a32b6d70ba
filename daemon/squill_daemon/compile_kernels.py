"""``python -m squill_daemon.compile_kernels MODEL``: MLX compiles what decoding needs.

On a CPU that takes a C++ compiler some seconds, once for a machine; the kernels stay in TMPDIR.
The daemon runs this beside itself, so that no question waits for it.
"""

from __future__ import annotations

import os
import subprocess
import sys


def begin(model: str) -> subprocess.Popen[bytes]:
    """Start it at the lowest priority. ``model`` as in the settings; the caller waits for it."""
    return subprocess.Popen(
        [sys.executable, "-m", "squill_daemon.compile_kernels", model],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def main() -> int:
    os.nice(19)
    from squill.blas import load_blas
    from squill_daemon.deferred import defer_package

    blas = load_blas()  # before anything imports MLX
    defer_package("mlx_lm")
    from squill_daemon.mlx_model import open_model

    model = open_model(sys.argv[1], blas, constrained=False)
    model.compile_steps()
    model.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
