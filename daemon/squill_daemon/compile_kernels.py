"""A program of its own: MLX compiles what decoding needs.

On a CPU that takes a C++ compiler some seconds, once for a machine; the kernels stay in TMPDIR.
The daemon runs this beside itself, so that no question waits for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from squill.children import NEUTRAL_FOLDER, own_module


def begin(model: str) -> subprocess.Popen[bytes]:
    """Start it at the lowest priority, with the compilers that it starts in a group of its own.

    ``model`` as in the settings; the caller waits for it, or ends it with `end`.
    """
    return subprocess.Popen(
        own_module("squill_daemon.compile_kernels", model),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=NEUTRAL_FOLDER,
    )


def end(compiling: subprocess.Popen[bytes]) -> None:
    """Kill it where it runs still, and its compilers, which would go on writing into TMPDIR."""
    if compiling.poll() is None:
        os.killpg(compiling.pid, signal.SIGKILL)
        compiling.wait()


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
