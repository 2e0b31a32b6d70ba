"""A clock that is set back or forth changes no duration: only monotonic ones measure time."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("core/squill", "daemon/squill_daemon", "lsp/squill_lsp")
SETTABLE = {"time", "time_ns", "now", "utcnow", "today", "localtime", "gmtime"}

STAMPS = {
    "core/squill/adapters/registry.py",
    *(f"core/squill/pairs/{name}.py" for name in ("accepted", "files", "forgotten", "store")),
}
"""Say when something was made, for people."""


def settable_clocks(path: Path) -> list[str]:
    """Calls of ``time.time`` and its kin, and imports of it under its own name."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Attribute(value=ast.Name("time" | "datetime" | "date"), attr=name):
                found += [f"{node.lineno}: {name}"] if name in SETTABLE else []
            case ast.ImportFrom(module="time", names=names):
                found += [f"{node.lineno}: {n.name}" for n in names if n.name in SETTABLE]
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_no_duration_is_measured_with_a_clock_that_can_be_set(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    found = {
        str(path.relative_to(ROOT)): clocks for path in files if (clocks := settable_clocks(path))
    }
    assert {name: clocks for name, clocks in found.items() if name not in STAMPS} == {}
