"""`squill eval`, with a daemon of its own, which answers from a script or is the real one."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest
from conftest import REAL_DAEMON, TESTS

if TYPE_CHECKING:
    from pathlib import Path

SQUILL = (sys.executable, "-m", "squill")
SCHEMA = "CREATE TABLE pets (name TEXT, age INTEGER);"


@pytest.fixture
def data(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", f"{sys.executable} {TESTS / 'scripted_daemon.py'}")
    answers = {
        "all names": ["SELECT name FROM pets"],
        "oldest": ["SELECT MAX(age) FROM pets"],
        "youngest": ["SELECT MAX(age) FROM pets"],
    }
    monkeypatch.setenv("SQUILL_FAKE_ANSWERS", json.dumps(answers))
    with sqlite3.connect(own_folders / "pets.sqlite") as connection:
        connection.executescript(f"{SCHEMA} INSERT INTO pets VALUES ('Rex', 3), ('Tom', 7);")
    connection.close()
    return write(own_folders / "data.jsonl", "all names", "oldest", "youngest", "unknown")


def write(path: Path, *questions: str) -> Path:
    gold = {"all names": "SELECT name FROM pets", "oldest": "SELECT MAX(age) FROM pets"}
    rows = [
        {"id": str(number), "db_id": "pets", "schema": SCHEMA, "question": question}
        | {"sql": gold.get(question, "SELECT MIN(age) FROM pets")}
        for number, question in enumerate(questions)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def evaluate(*options: object) -> subprocess.CompletedProcess[str]:
    command = [*SQUILL, "eval", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_model_is_measured(data: Path) -> None:
    run = evaluate(data, "--db", data.parent / "pets.sqlite", "--json")
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    counts = {key: found["overall"][key]["count"] for key in ("answered", "exact", "execution")}
    assert counts == {"answered": 3, "exact": 2, "execution": 2}
    assert found["errors"] == {
        "not answered": {"any": 1, "alone": 1},
        "wrong aggregate": {"any": 1, "alone": 1},
    }
    assert found["run"]["model"] == "fake"


def test_a_killed_run_goes_on_and_leaves_no_daemon(data: Path) -> None:
    folder = data.parent / "report"
    write(data, "all names", "oldest", "hang on", "youngest")
    options = (data, "--db", data.parent / "pets.sqlite", "--report", folder)
    command = [*SQUILL, "eval", *map(str, options)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        (daemon,) = wait_for_questions(process, folder / "predictions.jsonl", 2)
        process.kill()
    daemon.wait(20)

    assert "--resume" in evaluate(*options).stderr
    write(data, "all names", "oldest", "oldest", "youngest")
    run = evaluate(*options, "--resume", "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["overall"]["execution"]["count"] == 3
    lines = (folder / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line).get("id") for line in lines] == [None, "0", "1", "2", "3"]
    assert (folder / "index.html").exists()

    again = evaluate(*options, "--resume", "--without-grammar", "--limit", "2")
    assert again.returncode == 2
    assert "another run's (constrained True then, False now)" in again.stderr


def wait_for_questions(
    process: subprocess.Popen[bytes], path: Path, count: int
) -> list[psutil.Process]:
    """Returns the daemon once ``count`` answers are kept."""
    while not path.exists() or path.read_bytes().count(b"\n") < count + 1:
        assert process.poll() is None
        with pytest.raises(psutil.TimeoutExpired):
            psutil.Process(process.pid).wait(0.05)
    return psutil.Process(process.pid).children()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--db", "/nowhere"], 2, "There is no database at /nowhere"),
        (["--limit", "0"], 2, "--limit must be 1 or more"),
        (["--resume"], 2, "--resume needs --report"),
        (["--adapter", "123"], 3, "adapter"),
    ],
)
def test_wrong_use_is_one_sentence(data: Path, options: list[str], code: int, said: str) -> None:
    run = evaluate(data, *options)
    assert (run.returncode, run.stdout) == (code, "")
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_a_model_that_cannot_be_loaded_is_one_sentence(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUILL_FAKE_LOAD", "error")
    run = evaluate(data)
    assert run.returncode == 3
    assert run.stderr == "squill eval: There is no model at /nowhere. Correct `model`.\n"


def test_the_real_daemon_answers_with_the_embedded_model(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", " ".join(REAL_DAEMON))
    run = evaluate(data, "--model", "embedded", "--limit", "1", "--json")
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["run"]["model"] == "embedded"
    assert len(found["run"]["digest"]) == 64
    assert found["overall"]["binds"] == found["overall"]["answered"]
    assert found["tokens"]["prompt"] > 0
