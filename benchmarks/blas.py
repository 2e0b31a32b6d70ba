"""How much the loaded BLAS speeds MLX up on this machine: with and without it, side by side.

``python benchmarks/blas.py`` prints, for square products and for the single rows of decoding,
the best of several runs with the reference BLAS, with the one that Squill chooses, and the ratio.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

PROGRAM = textwrap.dedent(
    """
    import json, time
    from squill.blas import check_served, load_blas
    name = check_served(load_blas())
    import mlx.core as mx

    def best(rows, inner, columns, repeats=5):
        a, b = mx.random.normal((rows, inner)), mx.random.normal((inner, columns))
        mx.eval(a, b, a @ b)
        inside = max(1, int(2e8 / (2 * rows * inner * columns)))
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            for _ in range(inside):
                mx.eval(a @ b)
            times.append((time.perf_counter() - began) / inside)
        return 2e-9 * rows * inner * columns / min(times)

    shapes = [(512, 512, 512), (1024, 1024, 1024), (128, 256, 1024), (1, 256, 4096), (3, 256, 1024)]
    figures = {f"{m} x {k} x {n}": best(m, k, n) for m, k, n in shapes}
    print(json.dumps({"name": name, "figures": figures}))
    """
)


def measure(choice: str) -> tuple[str, dict[str, float]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"SQUILL_BLAS": choice},
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(done.stdout)
    return found["name"], found["figures"]


def main() -> None:
    (_, before), (name, after) = measure("reference"), measure("auto")
    print(f"{'rows x inner x columns':24}{'reference':>12}{name:>34}{'ratio':>8}")
    for shape, slow in before.items():
        fast = after[shape]
        print(f"{shape:24}{slow:9.1f} GF{fast:31.1f} GF{fast / slow:8.1f}")


if __name__ == "__main__":
    main()
