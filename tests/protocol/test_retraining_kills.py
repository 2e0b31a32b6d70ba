"""A few of the kills of ``benchmarks/retraining_kills.py``: nothing that was kept may be lost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from conftest import REAL_DAEMON, TESTS

sys.path.append(str(TESTS.parent / "benchmarks"))

from retraining_kills import MOMENTS, SETTINGS, World, kill_at_random, kill_daemon

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(600)
async def test_kills_during_a_training_lose_no_pair_and_no_adapter(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", " ".join(REAL_DAEMON))
    (own_folders / "config").mkdir()
    (own_folders / "config" / "squill.toml").write_text(SETTINGS)
    try:
        found = await kill_at_random(World(own_folders), len(MOMENTS))
    finally:
        await kill_daemon()
    assert found.problems == []
    assert found.adapters > 0
    assert found.swaps > 0
    assert found.pairs == 1 + len(MOMENTS)
