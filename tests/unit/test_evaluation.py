"""Verdicts on predicted queries."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from squill.ddl import parse_schema
from squill_trainer.evaluation import Database, Outcome, canonical, compare, without_case

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = parse_schema(
    "CREATE TABLE a (id INTEGER, name TEXT); CREATE TABLE b (a_id INTEGER, x REAL);", "sqlite"
).schema

SAME = [
    ("SELECT name FROM a", 'select "NAME" from A as t'),
    (
        "SELECT a.name FROM a JOIN b ON a.id = b.a_id",
        "SELECT name FROM a INNER JOIN b ON id = a_id",
    ),
    (
        "SELECT id FROM a WHERE name = 'X' AND id > 1",
        "SELECT id FROM a WHERE id > 1 AND name = 'x'",
    ),
    ("SELECT COUNT(*) FROM a WHERE id <> 1", "SELECT count(*) FROM a WHERE id != 1"),
]
DIFFERENT = [
    ("SELECT name FROM a", "SELECT id FROM a"),
    ("SELECT name, id FROM a", "SELECT id, name FROM a"),
    ("SELECT id FROM a WHERE id = 1 OR id = 2", "SELECT id FROM a WHERE id = 1 AND id = 2"),
    ("SELECT id FROM a ORDER BY id", "SELECT id FROM a ORDER BY id DESC"),
    ("SELECT id FROM a WHERE name = 'x'", "SELECT id FROM a WHERE name = 'y'"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_spelling_does_not_matter(first: str, second: str) -> None:
    assert canonical(first, SCHEMA) == canonical(second, SCHEMA) is not None


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_meaning_does(first: str, second: str) -> None:
    assert canonical(first, SCHEMA) != canonical(second, SCHEMA)


@pytest.mark.parametrize("sql", ["SELECT nothing FROM a", "SELECT FROM", "", "DROP TABLE a"])
def test_what_does_not_bind_has_no_canonical_form(sql: str) -> None:
    assert canonical(sql, SCHEMA) is None


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "d.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE a (id INTEGER, name TEXT);"
            "INSERT INTO a VALUES (1, 'Ann'), (2, 'bob'), (2, 'bob'), (3, NULL);"
        )
    connection.close()
    return path


@pytest.mark.parametrize(
    ("predicted", "gold", "equal"),
    [
        ("SELECT name FROM a", "SELECT name FROM a ORDER BY id DESC", False),
        ("SELECT name FROM a ORDER BY id DESC", "SELECT name FROM a", True),
        ("SELECT DISTINCT name FROM a", "SELECT name FROM a", False),
        ("SELECT UPPER(name) FROM a", "SELECT name FROM a", True),
        ("SELECT id * 1.0 FROM a", "SELECT id FROM a", True),
        ("SELECT CAST(id AS TEXT) FROM a", "SELECT id FROM a", True),
        ("SELECT id, name FROM a", "SELECT name, id FROM a", False),
        ("SELECT nothing FROM a", "SELECT nothing FROM a", False),
    ],
)
def test_results_are_compared(database: Path, predicted: str, gold: str, equal: bool) -> None:
    with Database(database) as opened:
        assert compare(opened.run(predicted), opened.run(gold), gold) is equal


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM a WHERE name = 'BOB'",
        "SELECT id FROM a WHERE 'BOB' = name",
        "SELECT id FROM a WHERE name IN ('BOB', 'x')",
        "SELECT id FROM a WHERE name <> 'ANN'",
    ],
)
def test_texts_are_compared_without_case(database: Path, sql: str) -> None:
    with Database(database) as opened:
        assert opened.run(without_case(sql)).rows == ((2,), (2,))


def test_a_query_that_never_ends_is_stopped(database: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n"
    with Database(database, seconds=0.2) as opened:
        assert "interrupted" in opened.run(endless).error


def test_nothing_is_written(database: Path) -> None:
    with Database(database) as opened:
        assert opened.run("DELETE FROM a").error
        assert len(opened.run("SELECT * FROM a").rows) == 4


def test_rows_are_bounded(database: Path) -> None:
    with Database(database, most_rows=2) as opened:
        found = opened.run("SELECT id FROM a")
    assert found == Outcome(rows=((1,), (2,)), cut=True)
    assert not compare(found, found, "SELECT id FROM a")
