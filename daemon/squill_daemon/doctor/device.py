"""MLX, the device that it computes on, and the BLAS beneath it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import threading
from typing import TYPE_CHECKING, Any

from squill.blas import CHOICE_VARIABLE, REFERENCE
from squill.children import own_module
from squill_daemon.doctor.finding import failure, ok, warning
from squill_daemon.doctor.processes import run_bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from squill_daemon.doctor.finding import Finding
    from squill_daemon.doctor.processes import Ended

MLX_SECONDS = 40.0
_CHOICES = ("auto", "shim", "openblas", REFERENCE)
_REINSTALL = (
    "Reinstall it: `pip install --force-reinstall mlx mlx-lm`. "
    f"On Linux, {CHOICE_VARIABLE}=reference tells whether the BLAS is to blame."
)


class MlxReport:
    """What `mlx_report` says, asked once for all checks that want it. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: Ended | None = None

    def get(self) -> tuple[dict[str, Any] | None, Ended]:
        """The report, None where MLX gave none, and how its process ended."""
        with self._lock:
            if self._ended is None:
                command = own_module("squill_daemon.doctor.mlx_report")
                self._ended = run_bounded(command, MLX_SECONDS)
        if self._ended.code != 0:
            return None, self._ended
        return json.loads(self._ended.output.splitlines()[-1]), self._ended


def check_device(mlx: MlxReport) -> Iterator[Finding]:
    report, ended = mlx.get()
    if report is None:
        yield failure("mlx", f"MLX cannot be used: its process {ended.how}", _REINSTALL)
        return
    yield ok("mlx", f"computes; mlx-lm {report['mlx_lm']} and its libraries load")
    yield _device(report)
    if report["device"] == "cpu" and sys.platform == "linux":
        yield from _blas(report)


def _device(report: Mapping[str, Any]) -> Finding:
    if report["device"] != "cpu":
        return ok("device", f"GPU ({report['device']})")
    if sys.platform == "darwin":
        return warning("device", "CPU: Metal is not available", "Run on Apple silicon itself.")
    if shutil.which("nvidia-smi"):
        remedy = "Install MLX with CUDA: `pip install 'mlx[cuda12]'` or `'mlx[cuda13]'`."
        return warning("device", "CPU, though there is an NVIDIA driver", remedy)
    return ok("device", "CPU")


def _blas(report: Mapping[str, Any]) -> Iterator[Finding]:
    choice = os.environ.get(CHOICE_VARIABLE, "auto")
    if choice not in _CHOICES:
        detail = f"{CHOICE_VARIABLE}={choice} is no choice"
        yield warning("blas choice", detail, f"Set it to one of: {', '.join(_CHOICES)}.")
    compiler = shutil.which(os.environ.get("CC") or "cc") or shutil.which("gcc")
    if report["blas"] == REFERENCE and choice != REFERENCE:
        why = f" ({report['notes'][0]})" if report["notes"] else ""
        detail = f"the reference BLAS: answers take about 15 times longer{why}"
        yield warning("blas", detail, _blas_remedy(compiler, why))
        return
    origin = ""
    if "shim" in report["blas"]:
        origin = ", from the cache" if report["shim_cached"] else ", compiled just now"
    yield ok("blas", f"{report['blas']}{origin}; compiler: {compiler or 'none'}")


def _blas_remedy(compiler: str | None, why: str) -> str:
    first = "See that its cache folder can be written" if compiler else "Install a C compiler (cc)"
    if os.strerror(errno.ENOSPC) in why:
        return "Make room on the disk; then run `squill daemon restart`."
    return f"{first}, or install libopenblas0; then run `squill daemon restart`."
