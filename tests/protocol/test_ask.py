"""`squill ask` as people run it: a process, its streams and its exit code."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TESTS

from squill.errors import SchemaError
from squill.paths import EMBEDDED_MODEL, runtime_paths
from squill_daemon.commands.ask import _located
from squill_daemon.commands.ask import main as ask_main
from squill_daemon.commands.daemon import main as daemon_main
from squill_daemon.instance import holder

STUDENTS = "CREATE TABLE students (Name TEXT, Age INT, School TEXT);\n"
AGE = "How old is Wang Junjian?"

needs_embedded = pytest.mark.skipif(
    not (EMBEDDED_MODEL / "model.safetensors").exists(), reason="the embedded model is not here"
)


@pytest.fixture
def folder(own_folders, monkeypatch):
    """The working folder, with a schema in it; a daemon that was started ends with the test."""
    place = own_folders / "work"
    place.mkdir()
    (place / "students.sql").write_text(STUDENTS)
    monkeypatch.chdir(place)
    yield place
    daemon_main(["stop"])


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A random model, made in a process of its own: this one stays without MLX."""
    place = tmp_path_factory.mktemp("model") / "tiny"
    program = (
        "import sys, pathlib, tiny_model; tiny_model.make_tiny_model(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", program, str(place)], check=True, cwd=TESTS)
    return place


def ask(*arguments, stdin=None):
    return subprocess.run(
        [sys.executable, "-m", "squill", "ask", *map(str, arguments)],
        capture_output=True,
        text=True,
        input=stdin,
        timeout=100,
    )


def test_sql_alone_is_on_standard_output_and_the_daemon_was_started(folder, monkeypatch):
    monkeypatch.setenv("SQUILL_FAKE_ANSWER", "SELECT Age FROM students")
    done = ask("--schema", folder / "students.sql", AGE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "SELECT Age FROM students;\n", "")
    assert holder(runtime_paths()) is not None


def test_the_question_is_every_word_or_standard_input(folder, monkeypatch):
    monkeypatch.setenv("SQUILL_FAKE_ANSWER", "SELECT Age FROM students")
    assert folder.is_dir()
    for arguments, stdin in ((("How", "old", "--json", "is", "he"), None), (("-", "--json"), AGE)):
        done = ask(*arguments, stdin=stdin)
        assert json.loads(done.stdout)["sql"] == "SELECT Age FROM students", done.stderr
    assert ask("-", stdin="\n").stderr.startswith("squill ask: The question is empty.")
    assert "not both" in ask("-", "--schema", "-", stdin=STUDENTS).stderr


def test_what_is_wrong_with_definitions_is_said_with_their_file_and_line():
    def said(text):
        return _located(SchemaError("There are none."), {"a.sql": text}, "sqlite")

    assert said("Dear all") == "There are none. Read: a.sql."
    assert "\na.sql:2: This statement is left out" in said("SELECT 1;\nCREATE TABLE t (a INT\n")


def test_a_schema_file_that_is_no_text_is_named_with_what_to_do(folder):
    (folder / "latin.sql").write_bytes(b"\n-- \xff\n")
    (folder / "my shop.db").write_bytes(b"SQLite format 3\x00" + bytes(100))
    for name, said in (
        ("latin.sql", "latin.sql:2: this is not UTF-8"),
        ("my shop.db", "Ask it with `squill repl 'my shop.db'`"),
    ):
        done = ask("--schema", name, AGE)
        assert done.returncode == 2
        assert said in done.stderr


@pytest.mark.parametrize("count", ["0", "17", "two"])
def test_a_number_of_candidates_that_cannot_be_is_one_sentence(count, capsys):
    with pytest.raises(SystemExit, match="2"):
        ask_main(["--candidates", count, AGE])
    assert f"{count} is no number of queries. Name one from 1 to 16." in capsys.readouterr().err


def test_several_candidates_come_one_after_the_other(folder):
    assert folder.is_dir()
    done = ask("--candidates", 3, AGE)
    assert done.stdout == "SELECT 1;\nSELECT 2;\nSELECT 3;\n"


def test_a_long_query_is_laid_out(folder, monkeypatch):
    assert folder.is_dir()
    columns = ", ".join(f"column_number_{n}" for n in range(9))
    monkeypatch.setenv("SQUILL_FAKE_ANSWER", f"SELECT {columns} FROM students")
    done = ask(AGE)
    assert done.stdout.startswith("SELECT\n  column_number_0,\n")
    assert done.stdout.endswith("FROM students;\n")


def test_json_holds_the_whole_answer(folder):
    assert folder.is_dir()
    done = ask("--json", AGE)
    answer = json.loads(done.stdout)
    assert answer["sql"] == "SELECT 1"
    assert answer["valid"] is True
    assert set(answer["milliseconds"]) == {"queue", "prefill", "decode", "total"}
    assert {"tables", "model", "adapter", "tokens", "dialect", "candidates", "refused"} < set(
        answer
    )


def test_no_valid_answer_is_exit_code_1_with_the_reason(folder):
    assert folder.is_dir()
    done = ask("refuse this")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Nothing fits." in done.stderr
    done = ask("--json", "refuse this")
    assert done.returncode == 1
    assert json.loads(done.stdout)["sql"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--schema", "nowhere.sql", AGE],
        ["--schema", ".", AGE],
        ["--candidates", "many", AGE],
        ["--candidates", "0", AGE],
        [""],
    ],
)
def test_a_wrong_call_is_exit_code_2(folder, arguments):
    assert folder.is_dir()
    done = ask(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_folder_without_tables_is_exit_code_2(folder):
    (folder / "students.sql").unlink()
    done = ask(AGE)
    assert done.returncode == 2
    assert "--schema FILE" in done.stderr


@pytest.mark.parametrize("trouble", ["no autostart", "no model", "another model", "crash"])
def test_daemon_and_model_trouble_is_exit_code_3(folder, monkeypatch, trouble):
    options = [AGE]
    if trouble == "no autostart":
        (folder / "squill.toml").write_text("[daemon]\nautostart = false\n")
    elif trouble == "no model":
        monkeypatch.setenv("SQUILL_FAKE_LOAD", "error")
    elif trouble == "another model":
        daemon_main(["start", "--no-wait"])
        options += ["--model", "owner/other"]
    else:
        options = ["crash now"]
    done = ask(*options)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("squill ask: ")
    assert "Traceback" not in done.stderr


def test_the_schema_may_come_from_standard_input(folder):
    assert folder.is_dir()
    assert ask("--schema", "-", AGE, stdin=STUDENTS).stdout == "SELECT 1;\n"


def test_through_the_daemon_nothing_heavy_is_imported(folder):
    assert folder.is_dir()
    program = (
        "import sys; from squill_daemon.commands.ask import main; main(['How old?']); "
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'mlx', 'mlx_lm', 'sqlglot'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def real(monkeypatch):
    monkeypatch.delenv("SQUILL_DAEMON_COMMAND")


@pytest.mark.parametrize("how", ["in process", "daemon"])
def test_a_random_model_shows_nothing_and_says_why(folder, tiny, monkeypatch, how):
    assert folder.is_dir()
    real(monkeypatch)
    monkeypatch.setenv("SQUILL_MODEL", str(tiny))
    done = ask("--json", AGE, *(["--no-daemon"] if how == "in process" else []))
    answer = json.loads(done.stdout)
    assert done.returncode == 1
    assert answer["candidates"] == []
    assert answer["refused"]
    assert answer["model"] == str(tiny)
    assert answer["tokens"]["generated"] > 0
    assert done.stderr.count("\n") == 1


def test_no_daemon_is_started_with_a_model_that_is_missing_or_damaged(folder, tiny, monkeypatch):
    real(monkeypatch)
    damaged = folder / "damaged"
    shutil.copytree(tiny, damaged)
    (damaged / "model.safetensors").write_bytes(b"no weights")
    for model, reason in (
        (folder / "nowhere", "There is no model folder at"),
        (damaged, "is damaged"),
    ):
        done = ask("--model", model, AGE)
        assert done.returncode == 3
        assert reason in done.stderr
        command = [sys.executable, "-m", "squill", "daemon", "status", "--json"]
        status = subprocess.run(command, capture_output=True)
        assert json.loads(status.stdout)["state"] == "stopped"


def test_a_real_daemon_says_which_blas_and_device_serve(folder, tiny, monkeypatch):
    assert folder.is_dir()
    real(monkeypatch)
    ask("--model", tiny, AGE)
    status = subprocess.run(
        [sys.executable, "-m", "squill", "daemon", "status", "--json"], capture_output=True
    )
    found = json.loads(status.stdout)
    assert found["state"] == "ready"
    assert found["blas"]
    assert found["device"].startswith(("cpu", "gpu"))
    assert found["model"] == str(tiny)


@needs_embedded
@pytest.mark.parametrize("how", ["in process", "daemon"])
def test_the_embedded_model_s_query_runs_and_returns_the_age(folder, monkeypatch, how):
    real(monkeypatch)
    done = ask(AGE, *(["--no-daemon"] if how == "in process" else []))
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(":memory:") as database:
        database.executescript(
            STUDENTS + "INSERT INTO students VALUES ('Wang Junjian', 19, 'No 1');"
        )
        rows = database.execute(done.stdout).fetchall()
    database.close()
    assert rows == [(19,)]
    assert Path(folder / "students.sql").exists()
