"""``squill check``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from squill.ddl import parse_schema
from squill_lsp.check import check_text
from squill_lsp.check_command import main

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """CREATE TABLE t (a INT, b TEXT);

SELECT a FROM t;
SELECT c FROM t; -- no such column
INSERT INTO t (a, d) VALUES (1, 'x');
GRANT SELECT ON t TO somebody;
SELECT b FROM t WHERE;
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SQUILL_CONFIG_DIR", str(tmp_path / "config"))


def test_a_finding_is_a_statement_with_its_place() -> None:
    schema = parse_schema(TEXT, "sqlite").schema
    found = list(check_text(TEXT, schema))
    assert [TEXT[f.start : f.end].split()[0] for f in found] == ["SELECT", "INSERT", "SELECT"]
    assert "`c`" in found[0].message


def test_a_file_is_checked_against_its_own_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.sql").write_text(TEXT)
    assert main(["report.sql", "--dialect", "sqlite"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "report.sql:4:1",
        "report.sql:5:1",
        "report.sql:7:1",
    ]


def test_problems_are_given_as_json_with_line_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.sql").write_text("CREATE TABLE t (a INT);\n  SELECT c FROM t;\n")
    assert main(["report.sql", "--json", "--dialect", "sqlite"]) == 1
    [problem] = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == ("report.sql", 2, 3)
    assert "`c`" in problem["message"]


def test_the_tables_of_the_folder_count_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "schema.sql").write_text("CREATE TABLE other (x INT);")
    (tmp_path / "report.sql").write_text("SELECT x FROM other;")
    assert main(["report.sql"]) == 0
    assert capsys.readouterr().out == ""


def test_a_named_schema_stands_for_the_folder(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("CREATE TABLE other (x INT);")
    (tmp_path / "named.ddl").write_text("CREATE TABLE t (y INT);")
    (tmp_path / "report.sql").write_text("SELECT x FROM other;")
    assert main(["report.sql", "--schema", "named.ddl"]) == 1


def test_a_definition_that_cannot_be_read_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.sql").write_text("CREATE TABLE broken (a INT;\n\nCREATE TABLE t (a INT);\n")
    assert main(["a.sql", "--dialect", "postgres"]) == 1
    assert capsys.readouterr().out.startswith("a.sql:1:24: ")


def test_a_missing_file_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere.sql"]) == 2
    assert "nowhere.sql" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["SELEC 1;", "CREATE TABEL x (id int);", "CREAT TABLE z (id int);", "\x00\x01 rubbish;"]
)
def test_what_is_no_statement_is_a_finding(text: str) -> None:
    assert [f.start for f in check_text(text, parse_schema("", "sqlite").schema)] == [0]


@pytest.mark.parametrize(
    "text",
    [
        "CREATE UNIQUE INDEX i ON t (a);",
        "CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ SELECT 1; $$ LANGUAGE sql;",
        "SET search_path TO x;",
        "PRAGMA foreign_keys = ON;",
        "BEGIN; COMMIT;",
        "GRANT SELECT ON t TO me;",
        "-- only a comment",
        "",
    ],
)
def test_statements_that_are_not_checked_are_no_findings(text: str) -> None:
    assert list(check_text(text, parse_schema("", "postgres").schema)) == []


def test_a_neighbour_does_not_decide_a_file_s_dialect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.sql").write_text("CREATE TABLE `m` (`a` INT) ENGINE=InnoDB;")
    (tmp_path / "ts.sql").write_text(
        "CREATE TABLE [dbo].[Order Details] ([Order ID] int);\nGO\n"
        "SELECT [Order ID] FROM [dbo].[Order Details];"
    )
    assert main(["ts.sql"]) == 0
    assert "tsql (a guess" in capsys.readouterr().err


def test_a_file_that_is_not_text_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "latin.sql").write_bytes("CREATE TABLE café (a INT);".encode("latin-1"))
    assert main(["latin.sql"]) == 2
    assert "UTF-8" in capsys.readouterr().err


def test_findings_do_not_name_the_parser_s_classes() -> None:
    schema = parse_schema("CREATE TABLE t (a INT);", "sqlite").schema
    for text in ("SELECT a FROM t WHERE;", "SELECT a FROM [t;", "SELECT FROM FROM t;"):
        for finding in check_text(text, schema):
            assert "Token" not in finding.message
            assert "sqlglot" not in finding.message
