"""What `squill train` learns in a folder that its user doesn't trust."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from squill.pairs.store import PairStore
from squill_trainer.commands import train, train_once
from squill_trainer.learning.run import Outcome
from squill_trainer.watching.requests import WatchRequest

if TYPE_CHECKING:
    from pathlib import Path

    from squill.settings import Settings

OPEN = "SELECT id FROM orders WHERE status = 'open'"


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """The model and the pairs of each training, which ends at once."""
    found: list[tuple[str, list[str]]] = []

    async def learn(
        workspace: Path, settings: Settings, _: object, *, trusted: bool | None, patient: bool
    ) -> Outcome:
        assert isinstance(patient, bool)
        pairs = PairStore(workspace, settings, trusted=trusted).load().usable
        found.append((settings.model, [pair.question for pair in pairs]))
        return Outcome(promoted=False, reason="nothing to do", pairs=len(pairs))

    monkeypatch.setattr(train_once, "learn", learn)
    return found


@pytest.fixture
def cloned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SQUILL_TRUST")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("DATA", "CONFIG", "CACHE", "RUNTIME"):
        monkeypatch.setenv(f"SQUILL_{name}_DIR", str(tmp_path / name.lower()))
    folder = tmp_path / "cloned"
    (folder / ".squill").mkdir(parents=True)
    (folder / "shop.sql").write_text("CREATE TABLE orders (id INT, status TEXT);")
    (folder / "squill.toml").write_text('model = "evil/model"')
    line = json.dumps({"question": "open orders", "sql": OPEN})
    (folder / ".squill" / "accepted.jsonl").write_text(line)
    return folder


def test_a_training_in_the_background_leaves_out_what_came_along(
    cloned: Path, learned: list[tuple[str, list[str]]]
) -> None:
    for option in ("--background", "--restricted"):
        assert train.main(["--once", option, "--workspace", str(cloned)]) == 0
    assert learned == [("", [])] * 2


def test_a_training_by_hand_names_the_pairs_but_not_the_settings(
    cloned: Path, learned: list[tuple[str, list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(["--once", "--workspace", str(cloned)]) == 0
    said = capsys.readouterr().err
    assert "1 pairs that came with" in said
    assert "`model` left out" in said
    assert train.main(["--once", "--background", "--workspace", str(cloned)]) == 0
    assert learned == [("", ["open orders"])] * 2


def test_a_trusted_training_learns_all(cloned: Path, learned: list[tuple[str, list[str]]]) -> None:
    assert train.main(["--once", "--trust", "--workspace", str(cloned)]) == 0
    assert learned == [("evil/model", ["open orders"])]


@pytest.mark.parametrize(
    ("trusted", "expected"), [(None, ()), (True, ("--trust",)), (False, ("--restricted",))]
)
def test_a_watch_hands_on_what_its_front_end_said(
    trusted: bool | None, expected: tuple[str, ...]
) -> None:
    assert WatchRequest("/shop", 1, trusted=trusted).arguments == expected
