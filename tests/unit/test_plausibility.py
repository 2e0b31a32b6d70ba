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
    ("sql", "reason"),
    [
        ("SELECT name, age, name FROM t", "It shows `name` twice."),
        ("SELECT age FROM t WHERE name = 'a' AND name = 'b'", "`name` cannot be both 'a' and 'b'."),
        ("SELECT age FROM t WHERE age = 1 AND note = 2 AND age = 3", "cannot be both 1 and 3"),
        (
            "SELECT age FROM t WHERE name IN (SELECT name FROM u WHERE code = 'a' AND code = 'b')",
            "",
        ),
    ],
)
def test_nobody_asks_for_a_thing_twice(sql: str, reason: str) -> None:
    assert reason in (found := implausible(bind(sql, SCHEMA), SCHEMA))
    assert found


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "SELECT age FROM t JOIN u ON t.age = u.name",
            "`t.age` holds numbers, and `u.name` texts.",
        ),
        ("SELECT age FROM t JOIN u ON u.name = t.price", "`t.price` holds numbers"),
        ("SELECT age FROM t JOIN u ON t.name = t.name", "It compares `t.name` with itself."),
        ("SELECT age FROM t WHERE age IN (SELECT age FROM t WHERE name <> name)", "with itself"),
        ("SELECT age FROM t JOIN u ON t.code = u.code", ""),  # typed differently: who knows
        ("SELECT a.age FROM t AS a JOIN t AS b ON a.name = b.name", ""),
        ("SELECT age FROM t JOIN u ON t.note = u.name", ""),
    ],
)
def test_columns_that_are_joined_hold_the_same(sql: str, reason: str) -> None:
    found = implausible(bind(sql, SCHEMA), SCHEMA)
    assert reason in found
    assert bool(found) == bool(reason)


@pytest.mark.parametrize(
    "key", ["FOREIGN KEY (t) REFERENCES t (id)", "FOREIGN KEY (t) REFERENCES t"]
)
def test_a_foreign_key_joins_what_it_says(key: str) -> None:
    ddl = f"CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE u (t TEXT, {key});"
    schema = parse_schema(ddl, "sqlite").schema
    assert not implausible(bind("SELECT t.id FROM t JOIN u ON u.t = t.id", schema), schema)


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
        "SELECT t.name, u.name FROM t JOIN u ON t.name = u.name",
        "SELECT age, age * 2, MAX(age) FROM t",
        "SELECT age FROM t WHERE name = 'a' OR name = 'b'",
        "SELECT age FROM t WHERE name = 'a' AND name = 'a' AND note = 'b' AND age > 1 AND age > 2",
    ],
)
def test_all_else_may_be_meant(sql: str) -> None:
    assert implausible(bind(sql, SCHEMA), SCHEMA) == ""
