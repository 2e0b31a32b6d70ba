"""`squill pairs`: its streams and its exit code; where the process matters, a real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from squill.cli import main

TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, status TEXT);
CREATE TABLE orders (id INTEGER, customer_id INTEGER REFERENCES customers (id), amount REAL);
"""
ACTIVE = "SELECT name FROM customers WHERE status = 'A'"
EXAMPLES = f"""-- dialect: sqlite

-- active customers
{ACTIVE};

-- how many orders
SELECT COUNT(*) FROM orders; -- all of them

-- the largest order
SELECT MAX(amont) FROM orders;
"""


@pytest.fixture
def folder(own_folders, monkeypatch):
    place = own_folders / "work"
    (place / ".squill" / "examples").mkdir(parents=True)
    (place / "shop.sql").write_text(TABLES)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def examples(folder):
    path = folder / ".squill" / "examples" / "a.sql"
    path.write_text(EXAMPLES)
    return path


def in_a_process(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "squill", "pairs", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def pairs(*arguments):
    with redirect_stdout(Output()) as stdout, redirect_stderr(Output()) as stderr:
        try:
            code = main(["pairs", *map(str, arguments)])
        except SystemExit as stopped:  # argparse's way out
            code = stopped.code
    return Done(code, stdout.text(), stderr.text())


class Output(TextIOWrapper):
    def __init__(self):
        super().__init__(BytesIO(), encoding="utf-8", write_through=True)

    def text(self):
        return self.buffer.getvalue().decode()


def add(question, sql, *more):
    return pairs("add", "--question", question, "--sql", sql, *more)


def listed(*more):
    return json.loads(pairs("list", "--json", *more).stdout)


def digest_of(question):
    everything = listed()
    found = [*everything["pairs"], *everything["set_aside"], *everything["conflicts"]]
    (digest,) = (each["digest"] for each in found if each["question"] == question)
    return digest


def test_a_workspace_without_pairs_says_so(folder):
    assert folder.is_dir()
    done = in_a_process("list")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "0 pairs\n")


def test_all_pairs_are_listed_with_digest_origin_and_question(examples):
    done = pairs("list")
    assert done.returncode == 0
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert [row[1:] for row in rows] == [
        [".squill/examples/a.sql:3", "active customers"],
        [".squill/examples/a.sql:6", "how many orders"],
    ]
    assert digest_of("active customers").startswith(rows[0][0])
    assert "2 pairs; 1 set aside" in done.stderr
    assert examples.read_text() == EXAMPLES


def test_what_is_set_aside_is_listed_with_its_reason(examples):
    assert examples.exists()
    done = pairs("list", "--set-aside")
    (line,) = done.stdout.splitlines()
    assert ".squill/examples/a.sql:9" in line
    assert "did you mean `amount`?" in line


def test_json_holds_everything(examples):
    with examples.with_name("b.jsonl").open("w") as file:
        file.write('{"question": "Active customers?", "sql": "SELECT 1"}\n{\n')
    os.utime(examples, (1, 1))
    said = listed()
    assert {key: len(found) for key, found in said.items()} == {
        "pairs": 2,
        "set_aside": 2,
        "conflicts": 1,
        "duplicates": 0,
        "forgotten": 0,
    }
    assert said["conflicts"][0]["used"] == digest_of("Active customers?")


def test_a_pair_is_added_and_shown(folder):
    done = in_a_process("add", "--question", "Active customers?", "--sql", f"{ACTIVE};")
    assert (done.returncode, done.stderr) == (0, "")
    digest, _, said = done.stdout.partition("  ")
    assert said == "kept\n"
    (line,) = (folder / ".squill" / "accepted.jsonl").read_text().splitlines()
    assert json.loads(line)["sql"] == ACTIVE
    shown = pairs("show", digest)
    assert shown.returncode == 0
    assert shown.stdout.endswith(f"\n\n{ACTIVE};\n")
    assert "from      accepted" in shown.stdout
    again = add("active customers", ACTIVE)
    assert (again.returncode, again.stdout) == (0, f"{digest}  is there already\n")
    assert len(listed()["pairs"]) == 1


def test_a_newer_answer_replaces_the_older_and_says_so(examples):
    os.utime(examples, (1, 1))
    done = add("active customers", "SELECT id FROM customers")
    assert done.returncode == 0
    assert "It replaces" in done.stderr
    assert ACTIVE in done.stderr
    assert ACTIVE in pairs("show", done.stdout[:12]).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "--question", "q", "--sql", "SELECT nam FROM customers"), 1, "mean `name`"),
        (("add", "--question", " ", "--sql", "SELECT 1"), 2, "needs a question"),
        (("add", "--question", "q", "--sql", "SELECT 1", "--dialect", "klingon"), 2, "klingon"),
        (("add", "--question", "q"), 2, "--sql"),
        (("show", "0123456789"), 2, "There is no pair"),
        (("forget", "12"), 2, "too short"),
        (("import", "missing.jsonl"), 2, "missing.jsonl"),
        (("export", "missing/out.jsonl"), 2, "missing/out.jsonl"),
        (("list", "--workspace", "missing"), 2, "not a folder"),
        ((), 2, "required"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(folder, arguments, code, said):
    done = pairs(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert not (folder / ".squill" / "accepted.jsonl").exists()


def test_a_file_that_cannot_be_written_is_trouble(folder):
    (folder / ".squill" / "accepted.jsonl").mkdir()
    done = add("active customers", ACTIVE)
    assert (done.returncode, done.stdout) == (3, "")
    assert "cannot be written" in done.stderr


def test_an_added_pair_is_forgotten_for_good(folder):
    add("active customers", ACTIVE)
    add("how many orders", "SELECT COUNT(*) FROM orders")
    done = pairs("forget", digest_of("active customers")[:8])
    assert done.returncode == 0
    assert "forgotten: active customers" in done.stdout
    assert ACTIVE not in (folder / ".squill" / "accepted.jsonl").read_text()
    assert [pair["question"] for pair in listed()["pairs"]] == ["how many orders"]


def test_a_pair_of_the_user_s_own_file_is_forgotten_without_touching_the_file(examples):
    add("Active customers?", "select NAME from customers where status = 'A'")
    done = pairs("forget", digest_of("active customers"))
    assert done.returncode == 0
    assert "a.sql:3 stays as it is" in done.stderr
    assert examples.read_text() == EXAMPLES
    said = listed()
    assert [pair["question"] for pair in said["pairs"]] == ["how many orders"]
    assert [pair["question"] for pair in said["forgotten"]] == ["active customers"]
    assert add("active customers", ACTIVE).returncode == 0
    assert len(listed()["pairs"]) == 2


def test_the_older_answer_is_used_again_when_the_newer_is_forgotten(examples):
    os.utime(examples, (1, 1))
    digest = add("active customers", "SELECT id FROM customers").stdout[:12]
    done = pairs("forget", digest)
    assert "is used instead" in done.stderr
    assert ACTIVE in [pair["sql"] for pair in listed()["pairs"]]


def test_pairs_travel_to_another_workspace_with_their_tables(examples, tmp_path):
    assert examples.exists()
    other = tmp_path / "other"
    other.mkdir()
    done = pairs("export", "--with-schema", "out.jsonl")
    assert (done.returncode, done.stdout) == (0, "")
    brought = pairs("import", "--workspace", other, "out.jsonl")
    assert (brought.returncode, brought.stdout, brought.stderr) == (0, "2 kept\n", "")
    said = listed("--workspace", other)["pairs"]
    assert [pair["sql"] for pair in said] == [ACTIVE, "SELECT COUNT(*) FROM orders"]
    assert said[0]["own_tables"] == ["customers", "orders"]
    again = pairs("import", "--workspace", other, "out.jsonl")
    assert (again.returncode, again.stdout) == (0, "0 kept; 2 there already\n")


def test_an_import_keeps_what_fits_and_reports_the_rest(folder):
    team = folder / "team.sql.txt"
    team.write_text('{"question": "active customers", "sql": "SELECT nothing"}\n{"que')
    sql = folder / "team.ddl"
    sql.write_text(EXAMPLES)
    done = pairs("import", team, sql)
    assert done.returncode == 1
    assert done.stdout == "2 kept; 3 set aside\n"
    assert f"{team}:1: " in done.stderr
    assert f"{team}:2: The last line is cut off" in done.stderr
    assert f"{sql}:9: There is no column `amont`" in done.stderr
    assert len(listed()["pairs"]) == 2


def test_an_export_is_json_lines_that_read_back(examples):
    done = pairs("export")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["question"] for line in lines] == ["active customers", "how many orders"]
    before = digest_of("active customers")
    examples.unlink()
    Path("out.jsonl").write_text(done.stdout)
    pairs("import", "out.jsonl")
    assert digest_of("active customers") == before


def test_an_export_to_a_device_leaves_the_device(examples):
    assert examples.exists()
    done = in_a_process("export", "/dev/stdout")
    assert len(done.stdout.splitlines()) == 2
    assert Path("/dev/stdout").exists()


def test_what_a_terminal_would_obey_is_not_printed(folder):
    (folder / ".squill" / "examples" / "a.jsonl").write_text(
        json.dumps({"question": "red \x1b[31m text", "sql": "SELECT '\x1b[2J'"}) + "\n"
    )
    done = pairs("list")
    shown = pairs("show", done.stdout[:12])
    assert "\x1b" not in done.stdout + shown.stdout
    assert "red" in shown.stdout


def test_the_list_and_help_load_nothing_heavy(folder):
    assert folder.is_dir()
    code = "import sys; from squill.cli import main; main(['pairs', 'list']); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert "sqlglot" in loaded
    assert loaded.isdisjoint({"mlx", "mlx_lm", "torch", "transformers", "watchdog", "numpy"})
