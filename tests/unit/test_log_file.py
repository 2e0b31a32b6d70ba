"""A log that cannot be written says so once, stops nothing, and goes on when it can."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from squill_daemon.log_file import LogFile, log_problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORD = logging.makeLogRecord({"msg": "hello"})


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[LogFile]:
    """Its folder is missing at first."""
    made = LogFile(tmp_path / "state" / "daemon.log", maxBytes=1000, backupCount=1, delay=True)
    root = logging.getLogger()
    root.addHandler(made)
    yield made
    root.removeHandler(made)
    made.close()


def test_it_tells_once_and_names_the_problem_for_as_long_as_it_lasts(handler, capfd, tmp_path):
    assert log_problem() == ""
    for _ in range(5):
        handler.handle(RECORD)
        assert "No such file or directory" in log_problem()
    assert capfd.readouterr().err.count("daemon.log is not written") == 1
    (tmp_path / "state").mkdir()
    handler.handle(RECORD)
    assert log_problem() == ""
    assert (tmp_path / "state" / "daemon.log").read_text() == "hello\n"
    assert capfd.readouterr().err == ""


def test_a_second_failure_is_told_again(handler, capfd, tmp_path):
    handler.handle(RECORD)
    (tmp_path / "state").mkdir()
    handler.handle(RECORD)
    handler.close()
    (tmp_path / "state" / "daemon.log").unlink()
    (tmp_path / "state").rmdir()
    handler.handle(RECORD)
    assert capfd.readouterr().err.count("daemon.log is not written") == 2


def test_no_standard_error_is_no_trouble(handler, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    handler.handle(RECORD)
    assert log_problem()


def test_a_file_that_cannot_be_rotated_is_no_trouble(handler, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "daemon.log.1").mkdir()
    (tmp_path / "state" / "daemon.log.1" / "full").touch()
    for _ in range(400):
        handler.handle(RECORD)
    assert log_problem()
