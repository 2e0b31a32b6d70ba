"""A change is an answer only where the question's words ask for one."""

from __future__ import annotations

import pytest
import sqlglot

from squill.changes import asks_for_change, changes_database


@pytest.mark.parametrize(
    "question",
    [
        "delete the orders of 2019",
        "Please remove all customers without orders",
        "can you add a student named Bob",
        "set the price of tea to 3",
        "then update the status",
        "raise salaries by 10 %",
        "find the old orders and delete them",
        "insert into students Bob, 12",
    ],
)
def test_an_imperative_asks_for_a_change(question: str) -> None:
    assert asks_for_change(question)


@pytest.mark.parametrize(
    "question",
    [
        "old orders",
        "orders to delete",
        "How many customers were added last week?",
        "which rows have been updated?",
        "the last update of each row",
        "stores in Paris",
        "record count by month",
        "deleted users",
        "",
    ],
)
def test_other_words_ask_for_none(question: str) -> None:
    assert not asks_for_change(question)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM t", False),
        ("WITH x AS (SELECT 1) SELECT * FROM x UNION SELECT 2", False),
        ("DELETE FROM t", True),
        ("UPDATE t SET a = 1", True),
        ("INSERT INTO t VALUES (1)", True),
        ("DROP TABLE t", True),
        ("CREATE TABLE u AS SELECT 1", True),
        ("TRUNCATE TABLE t", True),
        ("SELECT a INTO u FROM t", True),
        ("WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x", True),
        ("PRAGMA writable_schema = 1", True),
    ],
)
def test_what_changes_a_database(sql: str, expected: bool) -> None:
    assert changes_database(sqlglot.parse_one(sql, read="postgres")) is expected
