"""Every benchmark can be started: what it imports is there."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NEEDS_TORCH = {"pretraining"}
"""Which is in an extra of its own."""


def test_every_benchmark_finds_what_it_imports() -> None:
    without = set() if find_spec("torch") else NEEDS_TORCH
    names = sorted({path.stem for path in BENCHMARKS.glob("*.py")} - without)
    assert "learning" in names
    code = f"from importlib import import_module\nfor name in {names!r}: import_module(name)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=BENCHMARKS, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
