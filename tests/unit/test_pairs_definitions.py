"""A schema written as DDL reads back as itself."""

from __future__ import annotations

import pytest

from squill.ddl import parse_schema
from squill.pairs.definitions import definitions

CASES = {
    "sqlite": (
        'CREATE TABLE a (id INTEGER PRIMARY KEY, "First Name" TEXT, -- the given one\n'
        "b_id INT REFERENCES b (id)); CREATE TABLE b (id, x DECIMAL(10, 2), PRIMARY KEY (id, x));"
        'CREATE TABLE "order" ("a" INT, FOREIGN KEY (a) REFERENCES a); CREATE TEMP TABLE k (z);'
    ),
    "postgres": (
        "CREATE TABLE shop.a (id BIGSERIAL PRIMARY KEY, d TIMESTAMP WITH TIME ZONE, t TEXT[]);"
        "COMMENT ON TABLE shop.a IS 'it''s the shop'; COMMENT ON COLUMN shop.a.d IS 'since when';"
        "CREATE TABLE b (a_id BIGINT REFERENCES shop.a (id));"
    ),
    "mysql": (
        "CREATE TABLE `a b` (`id` INT UNSIGNED NOT NULL COMMENT 'key', e ENUM('a', 'b'),"
        "PRIMARY KEY (`id`)) ENGINE=InnoDB COMMENT='it\\'s';"
    ),
    "duckdb": "CREATE TABLE a (s STRUCT(x INT, y VARCHAR), l INTEGER[], m MAP(VARCHAR, INT));",
    "bigquery": (
        "CREATE TABLE `my-project.d.t` (a STRUCT<x INT64, y STRING>,"
        "b ARRAY<STRING> OPTIONS (description='list')) OPTIONS (description='all');"
    ),
    "snowflake": "CREATE TRANSIENT TABLE D.S.T (ID NUMBER(38, 0), \"lower\" TEXT COMMENT 'x');",
    "tsql": "CREATE TABLE dbo.[Order Details] ([Id] INT PRIMARY KEY, Name NVARCHAR(MAX));",
    "oracle": (
        "CREATE TABLE hr.emp (id NUMBER(10) PRIMARY KEY, name VARCHAR2(50 CHAR),"
        "boss NUMBER REFERENCES hr.emp (id)); COMMENT ON COLUMN hr.emp.name IS 'in full';"
    ),
}


@pytest.mark.parametrize("dialect", CASES)
def test_a_schema_survives_being_written(dialect: str) -> None:
    parsed = parse_schema(CASES[dialect], dialect)
    again = parse_schema(definitions(parsed.schema), dialect)
    assert parsed.problems == again.problems == ()
    assert again.schema == parsed.schema
    assert parsed.schema.tables


def test_a_view_becomes_a_table_with_its_columns() -> None:
    schema = parse_schema("CREATE TABLE a (b INT); CREATE VIEW v AS SELECT b FROM a;").schema
    again = parse_schema(definitions(schema), "sqlite").schema
    assert [(t.name, t.columns) for t in again.tables] == [
        (t.name, t.columns) for t in schema.tables
    ]
    assert again.tables[1].kind == "table"


def test_no_tables_are_no_text() -> None:
    assert definitions(parse_schema("", "sqlite").schema) == ""
