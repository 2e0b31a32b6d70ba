"""Splitting SQL text into statements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squill.statements import split_statements

CASES = {
    "semicolons end statements": ("a; b ;;c", ["a", "b", "c"]),
    "an empty text has none": (" \n -- nothing\n/* here */ ;", []),
    "comments above belong to the gap": ("-- one\n/* two */ SELECT 1; -- after", ["SELECT 1"]),
    "comments inside stay": (
        "CREATE TABLE t (a INT, -- it's; the a\n b INT /* x;y */)",
        ["CREATE TABLE t (a INT, -- it's; the a\n b INT /* x;y */)"],
    ),
    "doubled quotes": (
        "SELECT 'it''s; ok'; SELECT \"a;\"\"b\"",
        ["SELECT 'it''s; ok'", 'SELECT "a;""b"'],
    ),
    "backticks and brackets": ("SELECT `a;b`; SELECT [c;d]", ["SELECT `a;b`", "SELECT [c;d]"]),
    "escape strings": (r"SELECT E'\';'; x", [r"SELECT E'\';'", "x"]),
    "a backslash is no escape by itself": (r"SELECT 'C:\'; x", [r"SELECT 'C:\'", "x"]),
    "dollar quotes": (
        "CREATE FUNCTION f() AS $$ a; b $$; CREATE FUNCTION g() AS $x$ $$; $x$",
        ["CREATE FUNCTION f() AS $$ a; b $$", "CREATE FUNCTION g() AS $x$ $$; $x$"],
    ),
    "a routine whose body is a text": (
        "CREATE FUNCTION f() AS $$ BEGIN a; END; $$ LANGUAGE plpgsql; CREATE TABLE t (a INT); x",
        [
            "CREATE FUNCTION f() AS $$ BEGIN a; END; $$ LANGUAGE plpgsql",
            "CREATE TABLE t (a INT)",
            "x",
        ],
    ),
    "a body with a text between dollar signs": (
        "CREATE PROCEDURE p() AS BEGIN a := $$ ; $$; b; END; x",
        ["CREATE PROCEDURE p() AS BEGIN a := $$ ; $$; b; END", "x"],
    ),
    "GO on its own line": ("GO\nSELECT 1\nGO\nSELECT 2\ngo 5\n", ["SELECT 1", "SELECT 2"]),
    "a slash on its own line": (
        "CREATE VIEW v AS SELECT 1\n/\nx",
        ["CREATE VIEW v AS SELECT 1", "x"],
    ),
    "DELIMITER lines": (
        "DELIMITER //\nCREATE PROCEDURE p() BEGIN a; b; END//\nx//\nDELIMITER ;\ny; z",
        ["CREATE PROCEDURE p() BEGIN a; b; END", "x", "y", "z"],
    ),
    "a trigger's body": (
        "CREATE TRIGGER t AFTER INSERT ON x BEGIN UPDATE y SET a=1; DELETE FROM z; END; SELECT 1",
        [
            "CREATE TRIGGER t AFTER INSERT ON x BEGIN UPDATE y SET a=1; DELETE FROM z; END",
            "SELECT 1",
        ],
    ),
    "a missing semicolon before CREATE": (
        "CREATE TABLE a (x INT)\nCREATE TABLE b (y INT)",
        ["CREATE TABLE a (x INT)", "CREATE TABLE b (y INT)"],
    ),
    "a missing parenthesis": (
        "CREATE TABLE a (x INT,\n\nCREATE TABLE b (y INT);",
        ["CREATE TABLE a (x INT,", "CREATE TABLE b (y INT)"],
    ),
    "a query after a blank line": ("SELECT a FROM t\n\nSELECT b", ["SELECT a FROM t", "SELECT b"]),
    "a view's query after a blank line": (
        "CREATE VIEW v AS\n\nSELECT 1",
        ["CREATE VIEW v AS\n\nSELECT 1"],
    ),
    "a CTE's query after a blank line": (
        "WITH a AS (SELECT 1)\n\nSELECT * FROM a",
        ["WITH a AS (SELECT 1)\n\nSELECT * FROM a"],
    ),
    "UNION before a blank line": ("SELECT 1 UNION\n\nSELECT 2", ["SELECT 1 UNION\n\nSELECT 2"]),
    "ALTER's own lines": (
        "ALTER TABLE t\n DROP COLUMN a,\n ADD b INT",
        ["ALTER TABLE t\n DROP COLUMN a,\n ADD b INT"],
    ),
    "an open quote": (
        "CREATE TABLE a (x TEXT DEFAULT 'oops);\n\nCREATE TABLE b (y TEXT DEFAULT 'x');",
        ["CREATE TABLE a (x TEXT DEFAULT 'oops)", "CREATE TABLE b (y TEXT DEFAULT 'x')"],
    ),
    "an open comment": (
        "SELECT 1; /* to do\n\nCREATE TABLE b (y INT);",
        ["SELECT 1", "CREATE TABLE b (y INT)"],
    ),
    "a closed comment may hold DDL": (
        "/* old:\n\nCREATE TABLE a (x INT);\n*/ SELECT 1",
        ["SELECT 1"],
    ),
    "Windows line ends": ("SELECT 1;\r\n\r\nSELECT 2\r\n", ["SELECT 1", "SELECT 2"]),
    "é and 😀 count as characters": ("SELECT 'é😀';SELECT 2", ["SELECT 'é😀'", "SELECT 2"]),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_splits(text: str, expected: list[str]) -> None:
    assert [statement.text for statement in split_statements(text)] == expected


def test_backslashes_escape_where_the_dialect_says_so() -> None:
    text = r"SELECT 'it\'s; ok'; x"
    assert [s.text for s in split_statements(text, "mysql")] == [r"SELECT 'it\'s; ok'", "x"]


def test_says_whether_a_statement_was_closed() -> None:
    assert [s.terminated for s in split_statements("SELECT 1; SELECT 2")] == [True, False]


def test_head_is_the_leading_keyword() -> None:
    assert [s.head for s in split_statements("create table t (a); (SELECT 1)")] == ["CREATE", ""]


SQL_PIECES = st.sampled_from(
    [
        *("'", '"', "`", "[", "]", "$$", "$a$", ";", "--", "/*", "*/", "\n", "\n\n", " ", "#"),
        *("E'", "CREATE TABLE t (a INT)", "SELECT", "\nGO\n", "\nDELIMITER //\n", "//", "BEGIN"),
        *("CREATE TRIGGER x BEGIN", "END", "é", "😀", "x", "\\"),
    ]
)


@given(st.lists(SQL_PIECES, max_size=40).map("".join) | st.text(max_size=200))
def test_statements_are_ordered_slices_of_the_text(text: str) -> None:
    end = 0
    for statement in split_statements(text):
        assert statement.text
        assert statement.text == text[statement.start : statement.end]
        assert statement.text == statement.text.strip()
        assert statement.start >= end
        end = statement.end
