"""What trainer, daemon and editors tell one another of trainings, and what is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from squill.errors import InvalidParamsError
from squill.training import Training, TrainingHistory, TrainingReport
from squill.training.history import subject_of

if TYPE_CHECKING:
    from pathlib import Path


def training(subject: str, **changes: Any) -> Training:
    values: dict[str, Any] = {
        "subject": subject,
        "time": "2026-01-31T12:00:00+00:00",
        "digest": None,
        "promoted": False,
        "reason": "It is no better.",
        "pairs": 3,
        "before": "1/3",
        "after": "1/3",
        "seconds": 12.5,
        "losses": (2.0, 1.5),
    }
    return Training(**(values | changes))


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingHistory:
    monkeypatch.setenv("SQUILL_STATE_DIR", str(tmp_path / "state"))
    return TrainingHistory(tmp_path / "shop")


def test_a_report_travels_whole() -> None:
    report = TrainingReport("/shop", "learning", "measuring", 3, 10)
    assert TrainingReport.from_wire(report.to_wire()) == report
    assert TrainingReport.from_wire({"state": "done", "more": 1}) == TrainingReport("", "done")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"state": "sleeping"},
        {"state": "done", "step": "1"},
        {"state": "done", "steps": -1},
        {"state": "done", "step": True},
        {"state": "done", "workspace": None},
        {"state": "done", "message": "x" * 5000},
    ],
)
def test_what_is_no_report_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidParamsError, match="A report needs"):
        TrainingReport.from_wire(wrong)


def test_a_subject_is_a_model_with_a_set_of_pairs() -> None:
    assert subject_of("base", ["a", "b"]) == subject_of("base", ["b", "a"])
    assert subject_of("base", ["a"]) != subject_of("base", ["a", "b"])
    assert subject_of("base", ["a"]) != subject_of("other", ["a"])


def test_trainings_are_remembered_in_their_order(history: TrainingHistory) -> None:
    assert history.read() == []
    history.add(training("one"))
    history.add(training("two", digest="d", promoted=True))
    assert [each.subject for each in history.read()] == ["one", "two"]
    assert history.tried("two") == training("two", digest="d", promoted=True)
    assert history.tried("three") is None


def test_only_the_last_trainings_are_kept(history: TrainingHistory) -> None:
    for number in range(103):
        history.add(training(str(number)))
    assert [each.subject for each in history.read()] == [str(n) for n in range(3, 103)]


def test_a_damaged_line_costs_only_itself(history: TrainingHistory, tmp_path: Path) -> None:
    history.add(training("one"))
    [path] = (tmp_path / "state" / "training").glob("*.history.jsonl")
    path.write_bytes(b'{"subject": 1}\n[]\n\xff\n' + path.read_bytes() + b'{"subject": "cut')
    assert history.read() == [training("one")]
    history.add(training("two"))
    assert [each.subject for each in history.read()] == ["one", "two"]
