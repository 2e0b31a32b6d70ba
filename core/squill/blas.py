"""Which BLAS multiplies MLX's matrices on a Linux CPU.

The Linux wheel of MLX links the reference BLAS, 15 times slower than OpenBLAS. The dynamic linker
takes the first global definition of a symbol, so a library that is loaded with RTLD_GLOBAL before
``mlx.core`` serves instead. Nothing is installed or patched.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from squill.children import NEUTRAL_FOLDER
from squill.errors import ModelError, SocketPathError
from squill.paths import cache_directory
from squill.private import make_private_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    Matrix = list[list[float]]

log = logging.getLogger(__name__)

REFERENCE = "reference"
CHOICE_VARIABLE = "SQUILL_BLAS"
"""Environment: ``auto`` (default), ``shim``, ``openblas`` or ``reference``."""

_SOURCE = Path(__file__).with_name("cblas_shim.c")
_FLAGS = ("-O2", "-fPIC", "-shared", "-std=c11")
_ROW_MAJOR, _NO_TRANS = 101, 111


def load_blas() -> str:
    """Load the fastest BLAS that is there and computes rightly; returns its name.

    Must run before ``mlx.core`` is imported in this process. Never raises: without a faster one,
    the reference BLAS serves and a warning is logged.
    """
    if sys.platform == "darwin":
        return "Accelerate"
    if "mlx.core" in sys.modules:
        log.warning("MLX was imported before its BLAS could be chosen")
        return REFERENCE
    # More threads than free cores make decoding collapse; one is best while others work too.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    choice = os.environ.get(CHOICE_VARIABLE, "auto")
    if choice in ("auto", "shim") and (name := _load_shim()):
        return name
    if choice in ("auto", "openblas") and (name := _load_system_openblas()):
        return name
    if choice != REFERENCE:
        log.warning(
            "no fast BLAS is in use: answers take about 15 times longer. "
            "`squill doctor` says why, and what to do."
        )
    return REFERENCE


def _load_shim() -> str | None:
    if platform.machine() not in ("x86_64", "aarch64"):
        return None
    try:
        import scipy_openblas32  # loads its library with RTLD_GLOBAL
    except (ImportError, OSError) as error:
        log.info("scipy-openblas32 is not usable: %s", error)
        return None
    path = _compiled_shim()
    if path is None or not _load_checked(path):
        return None
    version = ".".join(scipy_openblas32.__version__.split(".")[:3])
    return f"scipy-openblas32 {version} (shim)"


def _load_system_openblas() -> str | None:
    for name in ("libopenblas.so.0", "libopenblas.so"):
        if _load_checked(name):
            return name
    return None


def _load_checked(library: str | Path) -> bool:
    """Make the library's symbols global, but only once its product has been found right."""
    try:
        local = ctypes.CDLL(os.fspath(library), mode=ctypes.RTLD_LOCAL)
        if not _multiplies(local):
            log.warning("%s multiplies wrongly and is not used", library)
            return False
        ctypes.CDLL(os.fspath(library), mode=ctypes.RTLD_GLOBAL)
    except (OSError, AttributeError) as error:
        log.info("%s is not usable: %s", library, error)
        return False
    return True


def _multiplies(library: ctypes.CDLL) -> bool:
    """Compare products of small whole numbers, which are exact, for few rows and for many."""
    return all(_product(library, rows) == _expected(rows) for rows in (1, 2, 3, 4, 17))


_INNER, _COLUMNS = 5, 7


def _left(rows: int) -> list[float]:
    return [float(i % 11 - 5) for i in range(rows * _INNER)]


def _right() -> list[float]:
    return [float(i % 13 - 6) for i in range(_INNER * _COLUMNS)]


def _expected(rows: int) -> list[float]:
    a, b = _left(rows), _right()
    return [
        sum(a[i * _INNER + p] * b[p * _COLUMNS + j] for p in range(_INNER))
        for i in range(rows)
        for j in range(_COLUMNS)
    ]


def _product(library: ctypes.CDLL, rows: int) -> list[float]:
    size = rows * _COLUMNS
    a = (ctypes.c_float * (rows * _INNER))(*_left(rows))
    b = (ctypes.c_float * (_INNER * _COLUMNS))(*_right())
    c = (ctypes.c_float * size)(*[float("nan")] * size)  # beta 0 must not read it
    real = ctypes.c_float
    sizes = (rows, _COLUMNS, _INNER)
    layout = (_ROW_MAJOR, _NO_TRANS, _NO_TRANS)
    library.cblas_sgemm(*layout, *sizes, real(1), a, _INNER, b, _COLUMNS, real(0), c, _COLUMNS)
    return list(c)


def _compiled_shim() -> Path | None:
    """The shim in the cache, compiled where it is missing. Its name is its content's digest."""
    compiler = shutil.which(os.environ.get("CC") or "cc") or shutil.which("gcc")
    source = _SOURCE.read_bytes()
    recipe = source + repr((_FLAGS, platform.machine())).encode()
    name = f"cblas-{hashlib.sha256(recipe).hexdigest()[:16]}.so"
    try:
        folder = make_private_directory(cache_directory() / "blas", "SQUILL_CACHE_DIR")
        target = folder / name
        if target.exists():
            return target
        if compiler is None:
            log.info("there is no C compiler (cc)")
            return None
        return _compile(compiler, folder, target)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines() or [str(error)]
        full = os.strerror(errno.ENOSPC)
        log.info("the BLAS shim could not be compiled: %s", _first_with(full, said) or said[-1])
        return None
    except (OSError, SocketPathError, subprocess.SubprocessError) as error:
        log.info("the BLAS shim could not be compiled: %s", error)
        return None


def _first_with(words: str, lines: list[str]) -> str:
    """A compiler's last line says only that it failed."""
    return next((line for line in lines if words in line), "")


def _compile(compiler: str, folder: Path, target: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        built = Path(aside) / target.name
        subprocess.run(
            [compiler, *_FLAGS, "-o", str(built), str(_SOURCE)],
            check=True,
            capture_output=True,
            timeout=60,
            cwd=NEUTRAL_FOLDER,
        )
        built.replace(target)
    return target


def check_served(name: str, multiply: Callable[[Matrix, Matrix], Matrix]) -> str:
    """The BLAS that really serves, after products have been checked.

    ``name`` is what `load_blas` said, ``multiply`` the product of two matrices (lists of rows) by
    whoever is to use it.

    Raises:
        ModelError: it multiplies wrongly.
    """
    before = _calls()
    for rows in (1, 4):
        product = multiply(_rows(_left(rows), _INNER), _rows(_right(), _COLUMNS))
        if product != _rows(_expected(rows), _COLUMNS):
            raise ModelError(
                f"Matrices are multiplied wrongly by {name}. "
                f"Set {CHOICE_VARIABLE}=reference and run `squill daemon restart`."
            )
    if "shim" in name and _calls() == before:
        log.warning("MLX does not use %s", name)
        return REFERENCE
    return name


def _rows(flat: list[float], width: int) -> Matrix:
    return [flat[i : i + width] for i in range(0, len(flat), width)]


def _calls() -> int:
    try:
        return ctypes.c_ulong.in_dll(ctypes.CDLL(None), "squill_sgemm_calls").value
    except ValueError:
        return 0
