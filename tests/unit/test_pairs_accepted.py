"""Keeping pairs: whole lines, from several processes at once, onto a disk that may be full."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from squill.ddl import parse_schema
from squill.errors import SquillError, UsageError
from squill.pairs import keep
from squill.pairs.files import ACCEPTED_FILE, append, rewrite, without_lines

if TYPE_CHECKING:
    from pathlib import Path

WRITERS, LINES = 3, 25


def lines_of(workspace: Path) -> list[dict[str, str]]:
    text = (workspace / ACCEPTED_FILE).read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_a_kept_pair_is_one_line_with_its_time(tmp_path: Path) -> None:
    keep(tmp_path, " how\nmany ", "SELECT 1\nFROM a;\n", "sqlite")
    (line,) = lines_of(tmp_path)
    assert line.pop("kept").endswith("+00:00")
    assert line == {"question": "how many", "sql": "SELECT 1\nFROM a;", "dialect": "sqlite"}


def test_a_pair_may_bring_its_tables_as_text_or_as_a_schema(tmp_path: Path) -> None:
    ddl = "CREATE TABLE a (b INT);"
    schema = parse_schema(ddl, "sqlite").schema
    keep(tmp_path, "how many", "SELECT b FROM a", "sqlite", ddl)
    keep(tmp_path, "how many", "SELECT b FROM a", "sqlite", schema)
    first, second = (line["schema"] for line in lines_of(tmp_path))
    assert first == ddl
    assert parse_schema(second, "sqlite").schema == schema


@pytest.mark.parametrize(("question", "sql"), [("", "SELECT 1"), (" \n", "SELECT 1"), ("q", " ")])
def test_half_a_pair_is_refused(tmp_path: Path, question: str, sql: str) -> None:
    with pytest.raises(UsageError):
        keep(tmp_path, question, sql, "sqlite")
    assert not (tmp_path / ACCEPTED_FILE).exists()


def test_a_line_that_was_cut_off_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / ACCEPTED_FILE
    path.parent.mkdir()
    path.write_bytes(b'{"question": "hal')
    keep(tmp_path, "how many", "SELECT 1", "sqlite")
    cut, whole = path.read_bytes().splitlines()
    assert cut == b'{"question": "hal'
    assert json.loads(whole)["question"] == "how many"


def write_many(folder: Path, writer: int) -> None:
    for number in range(LINES):
        keep(folder, f"{writer} {number}", f"SELECT '{'x' * 5000}'", "sqlite")


def forget_odd_ones(folder: Path) -> None:
    for _ in range(LINES):
        rewrite(folder / ACCEPTED_FILE, without_odd_ones)


def without_odd_ones(content: bytes) -> bytes:
    lines = content.splitlines()
    return without_lines(content, {each for each in lines if is_odd(json.loads(each)["question"])})


def is_odd(question: str) -> bool:
    return question != "first" and int(question.split()[1]) % 2 == 1


def test_several_writers_and_one_who_forgets_lose_nothing(tmp_path: Path) -> None:
    keep(tmp_path, "first", "SELECT 1", "sqlite")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_many, args=(tmp_path, n)) for n in range(WRITERS)]
    processes.append(context.Process(target=forget_odd_ones, args=(tmp_path,)))
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    questions = [line["question"] for line in lines_of(tmp_path)]
    wanted = {f"{writer} {number}" for writer in range(WRITERS) for number in range(0, LINES, 2)}
    assert wanted <= set(questions)
    assert len(questions) == len(set(questions))
    forget_odd_ones(tmp_path)
    assert {line["question"] for line in lines_of(tmp_path)} == wanted | {"first"}


def test_a_disk_that_fills_up_in_mid_line_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(tmp_path, "first", "SELECT 1", "sqlite")
    before = (tmp_path / ACCEPTED_FILE).read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[: len(data) // 2]))
    with pytest.raises(SquillError, match="No space left"):
        keep(tmp_path, "second", "SELECT 1", "sqlite")
    assert (tmp_path / ACCEPTED_FILE).read_bytes() == before


@pytest.mark.parametrize("name", ["accepted.jsonl", ".pairs.lock"])
def test_a_link_in_a_workspace_is_not_written_through(tmp_path: Path, name: str) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".squill").mkdir()
    (tmp_path / ".squill" / name).symlink_to(tmp_path / "precious")
    with pytest.raises(SquillError, match="it is a link"):
        keep(tmp_path, "how many", "SELECT 1", "sqlite")
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_link_beside_a_file_that_is_rewritten_is_not_written_through(tmp_path: Path) -> None:
    keep(tmp_path, "how many", "SELECT 1", "sqlite")
    (tmp_path / "precious").write_text("mine")
    (tmp_path / f"{ACCEPTED_FILE}.new").symlink_to(tmp_path / "precious")
    rewrite(tmp_path / ACCEPTED_FILE, lambda _: b"")
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / ACCEPTED_FILE).read_bytes() == b""


def test_a_pipe_in_the_place_of_the_file_is_an_error_not_a_wait(tmp_path: Path) -> None:
    (tmp_path / ".squill").mkdir()
    os.mkfifo(tmp_path / ACCEPTED_FILE)
    with pytest.raises(SquillError, match="not a regular file"):
        keep(tmp_path, "how many", "SELECT 1", "sqlite")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".squill").write_text("a file")
    with pytest.raises(SquillError, match="cannot be written"):
        append(tmp_path / ACCEPTED_FILE, b"x\n")


def test_who_only_keeps_pairs_loads_no_parser() -> None:
    code = "import sys, squill.pairs; print('sqlglot' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
