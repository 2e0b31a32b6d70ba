"""Queries that bind and still mean nothing."""

from __future__ import annotations

import pytest

from squill.binding import bind
from squill.ddl import parse_schema
from squill.plausibility import implausible

SCHEMA = parse_schema(
    "CREATE TABLE t (name TEXT, age INTEGER, price DECIMAL(8, 2), note, code BIGINT);"
    "CREATE TABLE u (name TEXT, code TEXT);",
    "sqlite",
).schema


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM t WHERE age = 'Ann Lee'",
        "SELECT name FROM t WHERE 'Ann' = age",
        "SELECT name FROM t WHERE t.price < 'cheap'",
        "SELECT name FROM t WHERE code <> 'x'",
    ],
)
def test_a_number_is_not_compared_with_a_word(sql: str) -> None:
    assert implausible(bind(sql, SCHEMA), SCHEMA)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM t WHERE age = 20",
        "SELECT name FROM t WHERE age = '20'",
        "SELECT name FROM t WHERE name = 'Ann'",
        "SELECT name FROM t WHERE note = 'anything'",
        "SELECT name FROM u WHERE code = 'x'",
        "SELECT t.name FROM t JOIN u ON t.name = u.name WHERE u.code = 'x'",
        "SELECT name FROM t WHERE age > (SELECT AVG(age) FROM t)",
    ],
)
def test_all_else_may_be_meant(sql: str) -> None:
    assert implausible(bind(sql, SCHEMA), SCHEMA) == ""
