"""One spelling for queries that mean the same, and no more than that."""

from __future__ import annotations

import pytest

from squill.canonical import canonical
from squill.ddl import parse_schema
from squill.dialects import DIALECTS

DDL = "CREATE TABLE a (id INTEGER, name TEXT); CREATE TABLE b (a_id INTEGER, x REAL);"
SCHEMA = parse_schema(DDL, "sqlite").schema

SAME = [
    (
        "SELECT id FROM a WHERE (id = 1 AND name = 'x') AND id > 2",
        "SELECT id FROM a WHERE id > 2 AND name = 'x' AND id = 1",
    ),
    (
        "SELECT id FROM a WHERE id = 1 AND id IN (SELECT a_id FROM b WHERE x = 1 AND a_id = 2)",
        "SELECT id FROM a WHERE id IN (SELECT a_id FROM b WHERE a_id = 2 AND x = 1) AND id = 1",
    ),
    (
        "SELECT id FROM a WHERE (id = 1 OR name = 'x') AND id > 2",
        "SELECT id FROM a WHERE id > 2 AND (id = 1 OR name = 'x')",
    ),
    (
        "SELECT id FROM a WHERE id IN (SELECT a_id FROM b WHERE x = 1 AND a_id = 5)"
        " AND id IN (SELECT a_id FROM b WHERE x = 2 AND a_id = 3)",
        "SELECT id FROM a WHERE id IN (SELECT a_id FROM b WHERE x = 1 AND a_id = 5)"
        " AND id IN (SELECT a_id FROM b WHERE a_id = 3 AND x = 2)",
    ),
]
DIFFERENT = [
    (
        "SELECT id FROM a WHERE (id = 1 OR name = 'x') AND id > 2",
        "SELECT id FROM a WHERE id = 1 OR name = 'x' AND id > 2",
    ),
    (
        "SELECT id FROM a WHERE id > 2 AND NOT (id = 1 OR name = 'x')",
        "SELECT id FROM a WHERE id > 2 AND NOT id = 1 OR name = 'x'",
    ),
]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_order_of_conditions_does_not_matter(first: str, second: str, strict: bool) -> None:
    wanted = canonical(first, SCHEMA, strict=strict)
    assert wanted == canonical(second, SCHEMA, strict=strict)
    assert wanted is not None


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_what_an_or_binds_together_stays_together(first: str, second: str, strict: bool) -> None:
    assert canonical(first, SCHEMA, strict=strict) != canonical(second, SCHEMA, strict=strict)


def test_the_letter_case_of_texts_counts_only_where_it_is_asked_for() -> None:
    first, second = ("SELECT id FROM a WHERE name = 'X'", "select ID from A where NAME = 'x'")
    assert canonical(first, SCHEMA) == canonical(second, SCHEMA)
    assert canonical(first, SCHEMA, strict=True) != canonical(second, SCHEMA, strict=True)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_strict_form_knows_every_dialect(dialect: str) -> None:
    schema = parse_schema(DDL, dialect).schema
    first = canonical("SELECT t.name AS n FROM a AS t WHERE t.id = 1", schema, strict=True)
    assert first == canonical("select NAME as N from A where ID = 1", schema, strict=True)
    assert first is not None
    assert "n" in first


def test_the_strict_form_loses_nothing_in_translation() -> None:
    schema = parse_schema(DDL, "postgres").schema
    like, ilike = (f"SELECT id FROM a WHERE name {op} 'x%'" for op in ("LIKE", "ILIKE"))
    assert canonical(like, schema, strict=True) != canonical(ilike, schema, strict=True)
