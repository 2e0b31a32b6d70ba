"""What an evaluation reads and keeps: questions, databases, predictions."""

from __future__ import annotations

import gzip
import json
import sqlite3
from typing import TYPE_CHECKING

import pytest

from squill.errors import UsageError
from squill_trainer.evaluation.databases import Databases
from squill_trainer.evaluation.predictions import Prediction, Run, appended, kept
from squill_trainer.evaluation.questions import read_questions

if TYPE_CHECKING:
    from pathlib import Path

ROW = {"db_id": "d", "schema": "CREATE TABLE a (b);", "question": "all?", "sql": "SELECT b FROM a"}
RUN = Run("m", "0" * 64, None, True, "1", "cpu")


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_questions_are_read_gzipped_or_not(tmp_path: Path, pack) -> None:
    path = tmp_path / "data"
    path.write_bytes(pack(lines({"id": 1, **ROW}, {"id": "2", **ROW, "more": 0}) + b"\n"))
    assert [question.id for question in read_questions(path)] == ["1", "2"]
    assert len(read_questions(path, limit=1)) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no questions"),
        (b"{\n", "line 1 is not an object"),
        (b"[]\n", "line 1 is not an object"),
        (lines({"id": "1", **ROW}, {"id": "2"}), "line 2 is not an object"),
        (lines({"id": "1", **ROW, "sql": " "}), "sql must be a text"),
        (lines({"id": "1", **ROW}, {"id": "1", **ROW}), "'1' is there twice"),
        (b"\x1f\x8bcut", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_what_is_no_question_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read_questions(path)


def make_database(path: Path, rows: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute('CREATE TABLE "a ""b" (c)')
        connection.executemany('INSERT INTO "a ""b" VALUES (?)', [(n,) for n in range(rows)])
    connection.close()
    return path


def test_databases_are_found_in_either_layout(tmp_path: Path) -> None:
    make_database(tmp_path / "flat.sqlite", rows=1)
    make_database(tmp_path / "deep" / "deep.sqlite", rows=1)
    with Databases(tmp_path) as databases:
        assert databases.get("flat") is databases.get("flat") is not None
        assert databases.get("deep") is not None
        assert databases.unusable == {}


def test_one_file_serves_all_questions(tmp_path: Path) -> None:
    with Databases(make_database(tmp_path / "all.sqlite", rows=1)) as databases:
        assert databases.get("x") is databases.get("y") is not None


def test_a_database_without_rows_is_left_out_and_said(tmp_path: Path) -> None:
    make_database(tmp_path / "empty.sqlite", rows=0)
    with Databases(tmp_path) as databases:
        assert databases.get("empty") is None
        assert databases.get("../empty") is None
        assert databases.get("missing") is None
        assert databases.unusable["empty"] == "it has no rows"
        assert databases.unusable["missing"] == "there is no file"


def test_a_database_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no database"):
        Databases(tmp_path / "none")


def prediction(name: str) -> Prediction:
    return Prediction(name, "f", "SELECT 'é'", None, 1.5, 3, 2)


def test_predictions_are_kept_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    assert kept(path) == (None, {})
    with appended(path, RUN) as add:
        add(prediction("1"))
    with appended(path, RUN) as add:
        add(prediction("2"))
    assert kept(path) == (RUN, {"1": prediction("1"), "2": prediction("2")})


@pytest.mark.parametrize("cut", [1, 20, 10_000])
def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "p.jsonl"
    with appended(path, RUN) as add:
        add(prediction("1"))
    whole = path.read_bytes()
    path.write_bytes(whole[: max(10, len(whole) - cut)])
    with appended(path, RUN) as add:
        add(prediction("2"))
    assert kept(path) == (RUN, {"2": prediction("2")})


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"mine": true}\n')
    with pytest.raises(UsageError, match="does not hold predictions"):
        kept(path)
