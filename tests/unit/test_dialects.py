"""Which dialect a text is in."""

from __future__ import annotations

import pytest
from sqlglot.dialects.dialect import Dialect

from squill.dialects import ALIASES, DIALECTS, canonical_dialect, header_name, resolve_dialect
from squill.errors import UsageError

GUESSES = [
    ("postgres", "CREATE TABLE t (id SERIAL PRIMARY KEY)"),
    ("postgres", "CREATE TABLE t (a jsonb, b timestamp without time zone)"),
    ("postgres", "ALTER TABLE ONLY public.t ADD CONSTRAINT p PRIMARY KEY (id);"),
    ("sqlite", "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)"),
    ("sqlite", "CREATE TABLE t (a PRIMARY KEY) WITHOUT ROWID"),
    ("mysql", "CREATE TABLE t (id INT AUTO_INCREMENT, PRIMARY KEY (id))"),
    ("mysql", "CREATE TABLE `t` (`id` int(11) unsigned) ENGINE=InnoDB;"),
    ("mysql", "CREATE TABLE `t` (`id` INT)"),
    ("tsql", "CREATE TABLE [dbo].[t] ([Id] INT IDENTITY(1,1))"),
    ("tsql", "CREATE TABLE t (name NVARCHAR(50))"),
    ("oracle", "CREATE TABLE t (name VARCHAR2(50), n NUMBER)"),
    ("oracle", "CREATE TABLE t (n NUMBER(10))"),
    ("snowflake", "CREATE TABLE t (v VARIANT)"),
    ("snowflake", "CREATE OR REPLACE TABLE t (n NUMBER(38,0), at TIMESTAMP_NTZ)"),
    ("bigquery", "CREATE TABLE `p.d.t` (a STRUCT<x INT64>)"),
    ("bigquery", "CREATE TABLE d.t (a ARRAY<STRING>)"),
    ("duckdb", "CREATE TABLE t (a STRUCT(x INTEGER), b VARCHAR[])"),
    ("duckdb", "CREATE VIEW v AS SELECT * FROM read_csv('x.csv')"),
]


@pytest.mark.parametrize(("dialect", "ddl"), GUESSES)
def test_guesses_from_what_only_one_dialect_has(dialect: str, ddl: str) -> None:
    assert resolve_dialect("", ddl) == (dialect, "guess")


@pytest.mark.parametrize(
    "ddl",
    [
        "",
        "CREATE TABLE students (Name TEXT, Age INTEGER)",
        "CREATE TABLE t (Player TEXT, Number TEXT, Variant TEXT, Bit TEXT)",
        'CREATE TABLE t ("Jersey Number" TEXT, "Points [A]" TEXT) -- SERIAL',
        "INSERT INTO t VALUES ('id SERIAL, `x` VARCHAR2')",
    ],
)
def test_names_texts_and_comments_are_no_evidence(ddl: str) -> None:
    assert resolve_dialect("", ddl) == ("sqlite", "default")


@pytest.mark.parametrize(
    "text",
    [
        "-- dialect: postgres\nCREATE TABLE t (`a` INT AUTO_INCREMENT)",
        "\n-- our tables\n-- Dialect: PostgreSQL\nCREATE TABLE t (a INT)",
        "/*\n * dialect = pg\n */\nCREATE TABLE t (a INT)",
    ],
)
def test_a_header_comment_decides(text: str) -> None:
    assert resolve_dialect("", text) == ("postgres", "header")


def test_a_header_must_stand_before_the_first_statement() -> None:
    assert header_name("SELECT 1;\n-- dialect: postgres") is None


def test_a_header_with_an_unknown_name_is_passed_over() -> None:
    assert resolve_dialect("", "-- dialect: klingon\nCREATE TABLE t (id SERIAL)")[1] == "guess"


def test_the_setting_comes_first() -> None:
    assert resolve_dialect("SQL Server", "-- dialect: postgres") == ("tsql", "setting")


def test_an_unknown_setting_lists_the_known_names() -> None:
    with pytest.raises(UsageError, match=r"klingon.*sqlite, postgres, mysql"):
        resolve_dialect("klingon", "")


def test_every_name_is_one_of_sqlglots() -> None:
    assert all(Dialect.get(name) for name in DIALECTS)
    assert all(canonical_dialect(alias) in DIALECTS for alias in ALIASES)
