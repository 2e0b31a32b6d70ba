"""The BLAS that serves MLX on Linux: right in every case, chosen before MLX, private on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="macOS has Accelerate")

# Every order, transposition, leading dimension and beta, against numpy; C starts as NaN where
# beta is 0, because then it must not be read.
GEMM = textwrap.dedent(
    """
    import ctypes, itertools, json
    import numpy as np
    from squill.blas import load_blas
    name = load_blas()
    gemm = ctypes.CDLL(None).cblas_sgemm
    real, pointer = ctypes.c_float, ctypes.POINTER(ctypes.c_float)
    random = np.random.default_rng(0)

    def stored(rows, columns, row_major, transposed, spare):
        if transposed:
            rows, columns = columns, rows
        outer, inner = (rows, columns) if row_major else (columns, rows)
        array = random.normal(size=(outer, inner + spare)).astype(np.float32)
        inside = array[:, :inner]
        logical = inside if row_major else inside.T
        return array, inner + spare, (logical.T if transposed else logical)

    worst, cases = 0.0, 0
    shapes = [(1, 1, 1), (1, 7, 5), (2, 5, 9), (3, 33, 17), (4, 8, 3), (19, 6, 40)]
    flags = itertools.product(shapes, (101, 102), (111, 112, 113), (111, 112, 113), (0, 3), (0, .5))
    for (m, n, k), order, ta, tb, spare, beta in flags:
        row = order == 101
        a, lda, la = stored(m, k, row, ta != 111, spare)
        b, ldb, lb = stored(k, n, row, tb != 111, spare)
        c, ldc, lc = stored(m, n, row, False, spare)
        expected = 1.5 * (la @ lb) + (beta * lc if beta else 0)
        outside = c[:, c.shape[1] - spare:].copy()
        if not beta:
            c[:, : c.shape[1] - spare] = np.nan
        p = lambda x: x.ctypes.data_as(pointer)
        gemm(order, ta, tb, m, n, k, real(1.5), p(a), lda, p(b), ldb, real(beta), p(c), ldc)
        assert np.array_equal(c[:, c.shape[1] - spare:], outside), "wrote outside the matrix"
        worst = max(worst, float(np.abs(lc - expected).max()))
        cases += 1
    print(json.dumps({"name": name, "worst": worst, "cases": cases}))
    """
)

SERVED = textwrap.dedent(
    """
    import json, sys
    from squill.blas import load_blas
    from squill_daemon.backend import served_backend
    name = load_blas()
    assert "mlx.core" not in sys.modules
    served = served_backend(name)
    import mlx.core as mx, numpy as np
    worst = 0.0
    for m, n, k in [(1, 64, 32), (3, 5, 7), (4, 5, 7), (65, 33, 17)]:
        a, b = np.random.rand(m, k).astype("f"), np.random.rand(k, n).astype("f")
        for x, y in ((mx.array(a), mx.array(b)), (mx.array(a.T.copy()).T, mx.array(b.T.copy()).T)):
            worst = max(worst, float(np.abs(np.array(x @ y) - a @ b).max()))
    print(json.dumps({"name": name, "served": served, "worst": worst}))
    """
)


def run(program: str, cache: Path, **environment: str) -> tuple[dict[str, object], str]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"SQUILL_CACHE_DIR": str(cache)} | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return json.loads(done.stdout), done.stderr


def test_the_shim_computes_every_case_as_numpy_does(tmp_path):
    found, _ = run(GEMM, tmp_path)
    assert found["name"].startswith("scipy-openblas32")
    assert found["cases"] == 432
    assert found["worst"] < 1e-4


def test_mlx_uses_the_blas_that_was_loaded(tmp_path):
    found, warnings = run(SERVED, tmp_path)
    assert found["served"] == found["name"]
    assert "(shim)" in found["name"]
    assert found["worst"] < 1e-4
    assert warnings == ""


def test_the_shim_is_compiled_once_and_only_its_owner_can_reach_it(tmp_path):
    run(SERVED, tmp_path)
    (library,) = (tmp_path / "blas").iterdir()
    before = library.stat().st_mtime_ns
    run(SERVED, tmp_path, CC="/nowhere/cc", PATH="/nowhere")
    assert library.stat().st_mtime_ns == before
    assert (tmp_path / "blas").stat().st_mode & 0o077 == 0


def test_without_a_compiler_the_reference_serves_and_a_warning_says_so(tmp_path):
    found, warnings = run(SERVED, tmp_path, CC="/nowhere/cc", PATH="/nowhere")
    if found["name"] != "reference":
        pytest.skip(f"this machine has {found['name']}")
    assert found["served"] == "reference"
    assert "`squill doctor` says why" in warnings


def test_a_compiler_that_fails_does_no_harm(tmp_path):
    found, _ = run(SERVED, tmp_path, CC="false", SQUILL_BLAS="shim")
    assert found["served"] == "reference"
    assert list((tmp_path / "blas").iterdir()) == []


def test_a_cache_that_others_can_reach_is_not_loaded_from(tmp_path):
    (tmp_path / "blas").mkdir()
    (tmp_path / "blas").chmod(0o777)
    found, _ = run(SERVED, tmp_path, SQUILL_BLAS="shim")
    assert found["served"] == "reference"


def test_a_library_that_multiplies_wrongly_is_turned_down(tmp_path):
    source = tmp_path / "wrong.c"
    source.write_text("void cblas_sgemm() {}")
    library = tmp_path / "wrong.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    program = (
        "import json; from squill.blas import _load_checked as load;"
        f"print(json.dumps({{'loaded': load({str(library)!r})}}))"
    )
    found, warnings = run(program, tmp_path)
    assert found["loaded"] is False
    assert "multiplies wrongly" in warnings


def test_the_reference_can_be_asked_for(tmp_path):
    found, warnings = run(SERVED, tmp_path, SQUILL_BLAS="reference")
    assert found["served"] == "reference"
    assert warnings == ""
