"""How two queries differ, by their syntax trees."""

from __future__ import annotations

import pytest

from squill.ddl import parse_schema
from squill_trainer.evaluation.syntax import KINDS, error_kinds, sql_class

SCHEMA = parse_schema(
    "CREATE TABLE a (id INTEGER, name TEXT, size INTEGER);"
    "CREATE TABLE b (a_id INTEGER, x REAL, y REAL);",
    "sqlite",
).schema

JOIN = "FROM a JOIN b ON a.id = b.a_id"

CASES = [
    ("SELECT name FROM a", None, ["not answered"]),
    ("SELECT name FROM a", "select t.NAME from a t", []),
    ("SELECT id FROM a", "SELECT a_id FROM b", ["wrong table", "wrong column"]),
    (f"SELECT name {JOIN}", "SELECT name FROM a", ["wrong join"]),
    (f"SELECT name {JOIN}", "SELECT name FROM b JOIN a ON b.a_id = a.id", ["other"]),
    (f"SELECT name {JOIN}", "SELECT name FROM a JOIN b ON a.id = b.x", ["wrong join"]),
    (
        "SELECT name FROM a",
        "SELECT name FROM a WHERE id IN (SELECT a_id FROM b)",
        ["wrong nesting", "extra condition"],
    ),
    ("SELECT name FROM a EXCEPT SELECT x FROM b", "SELECT name FROM a", ["wrong nesting"]),
    (
        "SELECT name FROM a UNION SELECT x FROM b",
        "SELECT name FROM a EXCEPT SELECT x FROM b",
        ["wrong nesting"],
    ),
    ("SELECT MAX(size) FROM a", "SELECT MIN(size) FROM a", ["wrong aggregate"]),
    ("SELECT MAX(size) FROM a", "SELECT size FROM a", ["wrong aggregate"]),
    ("SELECT COUNT(*) FROM a", "SELECT COUNT(id) FROM a", ["wrong column"]),
    ("SELECT name, id FROM a", "SELECT name FROM a", ["missing column"]),
    ("SELECT name FROM a", "SELECT name, id FROM a", ["extra column"]),
    ("SELECT name, id FROM a", "SELECT id, name FROM a", ["wrong column order"]),
    ("SELECT DISTINCT name FROM a", "SELECT name FROM a", ["wrong DISTINCT"]),
    (
        "SELECT id FROM a WHERE size = 1 AND id = 2",
        "SELECT id FROM a WHERE id = 2",
        ["missing condition"],
    ),
    ("SELECT id FROM a", "SELECT id FROM a WHERE id = 2", ["extra condition"]),
    (
        "SELECT id FROM a WHERE name = 'x' AND size = 3",
        "SELECT id FROM a WHERE size = 3 AND id = 'x'",
        ["wrong condition column"],
    ),
    ("SELECT id FROM a WHERE size > 3", "SELECT id FROM a WHERE size >= 3", ["wrong operator"]),
    (
        "SELECT id FROM a WHERE name LIKE 'x'",
        "SELECT id FROM a WHERE NOT name LIKE 'x'",
        ["wrong operator"],
    ),
    ("SELECT id FROM a WHERE name = 'x'", "SELECT id FROM a WHERE name = 'y'", ["wrong value"]),
    (
        "SELECT id FROM a WHERE name = 'x' OR size = 3",
        "SELECT id FROM a WHERE name = 'x' AND size = 3",
        ["wrong AND or OR"],
    ),
    (
        "SELECT name FROM a GROUP BY name HAVING COUNT(*) > 2",
        "SELECT name FROM a GROUP BY name HAVING COUNT(*) > 3",
        ["wrong value"],
    ),
    ("SELECT size FROM a GROUP BY size", "SELECT size FROM a GROUP BY name", ["wrong grouping"]),
    (
        "SELECT id FROM a ORDER BY size",
        "SELECT id FROM a ORDER BY size DESC",
        ["wrong order or limit"],
    ),
    ("SELECT id FROM a LIMIT 1", "SELECT id FROM a LIMIT 2", ["wrong order or limit"]),
    (
        "SELECT id FROM a UNION SELECT x FROM b LIMIT 1",
        "SELECT id FROM a UNION SELECT x FROM b LIMIT 2",
        ["wrong order or limit"],
    ),
    (
        "SELECT id FROM a WHERE id IN (SELECT a_id FROM b WHERE x = 1)",
        "SELECT id FROM a WHERE id IN (SELECT a_id FROM b WHERE y = 2)",
        ["wrong condition column", "wrong value"],
    ),
    ("SELECT id FROM a", "this is no SQL", ["other"]),
]


@pytest.mark.parametrize(("gold", "predicted", "kinds"), CASES)
def test_differences_are_named(gold: str, predicted: str | None, kinds: list[str]) -> None:
    assert list(error_kinds(predicted, gold, SCHEMA)) == kinds


def test_every_kind_of_error_has_a_case() -> None:
    assert {kind for _, _, kinds in CASES for kind in kinds} == set(KINDS)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT MAX(id) FROM a WHERE name = 'x' ORDER BY id LIMIT 1", "single table"),
        (f"SELECT name {JOIN}", "join"),
        ("SELECT name FROM a, b", "join"),
        (f"SELECT name, COUNT(*) {JOIN} GROUP BY name", "group"),
        ("SELECT name FROM a WHERE id IN (SELECT a_id FROM b GROUP BY a_id)", "nested"),
        ("SELECT id FROM a INTERSECT SELECT a_id FROM b", "nested"),
        ("SELECT ((", "single table"),
    ],
)
def test_queries_have_a_class(sql: str, expected: str) -> None:
    assert sql_class(sql) == expected
