"""What counts as a request for SQL. ``|`` marks the cursor and is not part of the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squill.phrasing import is_sql
from squill_lsp.comments import SqlRequest, find_request

TABLE = "CREATE TABLE students (Name TEXT, Age INT);\n\n"


def request(marked: str, dialect: str = "", *, anywhere: bool = False) -> SqlRequest | None:
    offset = marked.index("|")
    text = marked[:offset] + marked[offset + 1 :]
    return find_request(text, offset, dialect, anywhere=anywhere)


ASKED = {
    "on the line below": ("-- how old is Wang?\n|", "how old is Wang?"),
    "at the comment's end": ("-- how old is Wang?|", "how old is Wang?"),
    "in the whitespace behind the comment": ("-- how old is Wang? | ", "how old is Wang?"),
    "after the only table": (TABLE + "-- how old is Wang?\n|", "how old is Wang?"),
    "one empty line below": ("-- how old is Wang?\n\n|", "how old is Wang?"),
    "two empty lines below": ("-- how old is Wang?\n\n\n|", "how old is Wang?"),
    "indented": ("  -- how old is Wang?\n  |", "how old is Wang?"),
    "several lines": ("-- how old is\n-- Wang?\n|", "how old is Wang?"),
    "no space after the dashes": ("--how old is Wang?\n|", "how old is Wang?"),
    "block comment": ("/* how old is Wang? */\n|", "how old is Wang?"),
    "end of a block comment": ("/* how old is Wang? */|", "how old is Wang?"),
    "block comment of several lines": ("/*\n * how old\n * is Wang?\n */\n|", "how old is Wang?"),
    "documentation comment": ("/** how old is Wang? **/\n|", "how old is Wang?"),
    "windows line ends": ("-- how old is Wang?\r\n|\r\n", "how old is Wang?"),
    "windows line ends at the end": ("-- how old is Wang?|\r\n\r\nSELECT 1;", "how old is Wang?"),
    "begun statement": ("-- how old is Wang?\nSELECT Ag|", "how old is Wang?"),
    "begun statement of two lines": (
        "-- how old is Wang?\nSELECT Age\nFROM st|",
        "how old is Wang?",
    ),
    "semicolon behind the cursor": ("-- how old is Wang?\n|;", "how old is Wang?"),
    "bracket behind the cursor": ("-- count them all\nSELECT count(|)", "count them all"),
    "empty line between comment and statement": (
        "-- how old is Wang?\n|\nSELECT 1;",
        "how old is Wang?",
    ),
    "at the end, an empty line and a statement below": (
        "-- how old is Wang?|\n\nSELECT 1;",
        "how old is Wang?",
    ),
    "only the paragraph next to the cursor": (
        "-- All about our school.\n--\n-- how old is Wang?\n|",
        "how old is Wang?",
    ),
    "below a rule": ("-- --------\n-- how old is Wang?\n|", "how old is Wang?"),
    "below a title": ("-- Students -----\n-- how old is Wang?\n|", "how old is Wang?"),
    "below a commented-out statement": (
        "-- SELECT a FROM b;\n-- how old is Wang?\n|",
        "how old is Wang?",
    ),
    "the last of two comments": ("-- how many?\n\n-- how old is Wang?\n|", "how old is Wang?"),
    "after a statement without semicolon": (
        "SELECT 1\n\n-- how old is Wang?\n|",
        "how old is Wang?",
    ),
    "after a batch separator": ("SELECT 1\nGO\n-- how old is Wang?\n|", "how old is Wang?"),
    "starts with a verb of SQL": (
        "-- select the oldest students please\n|",
        "select the oldest students please",
    ),
    "update me": ("-- update me on new students\n|", "update me on new students"),
    "reads like a table with an alias": (
        "-- select students from ninth grade\n|",
        "select students from ninth grade",
    ),
    "delete without from": ("-- delete old students\n|", "delete old students"),
    "delete from": (
        "-- delete all students from ninth grade\n|",
        "delete all students from ninth grade",
    ),
    "insert": ("-- insert a student named Bob\n|", "insert a student named Bob"),
    "update": ("-- update Wang's age to 12\n|", "update Wang's age to 12"),
    "show columns": ("-- show name, age, school\n|", "show name, age, school"),
    "show": ("-- show all students\n|", "show all students"),
    "drop": ("-- drop me a line about orders\n|", "drop me a line about orders"),
    "with": ("-- with all students, count the grades\n|", "with all students, count the grades"),
    "about licences": (
        "-- show all licenses that expire this year\n|",
        "show all licenses that expire this year",
    ),
    "about names": ("-- name of every student\n|", "name of every student"),
    "about versions": ("-- which versions are newest\n|", "which versions are newest"),
    "an apostrophe": ("-- what is Wang Junjian's name?\n|", "what is Wang Junjian's name?"),
    "after another comment's apostrophe": (
        "-- Wang's school\nSELECT 1;\n-- how old is Wang?\n|",
        "how old is Wang?",
    ),
    "accents and emoji": ("-- qui a le café 😀 ?\n|", "qui a le café 😀 ?"),
    "a script without spaces": ("-- 王俊杰多大年纪\n|", "王俊杰多大年纪"),
    "one word that asks": ("-- Students?\n|", "Students?"),
    "dashes inside": ("-- students -- all of them\n|", "students -- all of them"),
    "after a multi-line string": (
        "INSERT INTO t VALUES ('a\n-- no\nb');\n\n-- how old is Wang?\n|",
        "how old is Wang?",
    ),
    "after a trigger": (
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  SELECT 1;\nEND;\n\n-- how old is Wang?\n|",
        "how old is Wang?",
    ),
    "a header and then a question": (
        "-- dialect: postgres\n\n-- how old is Wang?\n|",
        "how old is Wang?",
    ),
}

NOT_ASKED = {
    "empty text": "|",
    "no comment": "SELECT 1;\n|",
    "far above": "-- how old is Wang?\n\n\n\n|",
    "inside the comment": "-- how old| is Wang?",
    "before the comment": "|-- how old is Wang?",
    "between two lines of the comment": "-- how old is|\n-- Wang?",
    "commented-out select": "-- SELECT a FROM b;\n|",
    "commented-out select without semicolon": "-- SELECT a FROM b\n|",
    "commented-out select in lower case": "-- select name from students where age > 3\n|",
    "commented-out select of one word each": "-- select name from students\n|",
    "commented-out select of several lines": "-- SELECT a\n-- FROM b\n-- WHERE c = 1;\n|",
    "commented-out broken select": "-- SELECT a, FROM b WHERE\n|",
    "commented-out drop": "-- DROP TABLE x\n|",
    "commented-out drop in lower case": "-- drop table x\n|",
    "commented-out insert": "-- insert into t values (1, 2)\n|",
    "commented-out update": "-- UPDATE t SET a = 1\n|",
    "commented-out delete": "-- delete from students where Age > 3\n|",
    "commented-out create": "-- CREATE TABLE t (\n--   a INT,\n--   b INT\n-- );\n|",
    "commented-out clause": "-- WHERE age > 20\n|",
    "commented-out with": "/* WITH a AS (SELECT 1) SELECT * FROM a */\n|",
    "words, then a commented-out statement": "-- the old one:\n-- SELECT a FROM b;\n|",
    "licence": "-- Copyright (c) 2024 Example Ltd.\n-- All rights reserved.\n|",
    "licence in a block": "/*\n * Licensed under the Apache License, Version 2.0\n */\n\n|",
    "spdx": "-- SPDX-License-Identifier: MIT\n|",
    "author header": "-- Author: Someone\n-- File: schema.sql\n|",
    "dialect header": "-- dialect: postgres\n|",
    "linter directive": "-- sqlfluff:dialect:postgres\n|",
    "named query": "-- name: get_students :many\n|",
    "migration directive": "-- +goose Up\n|",
    "folding mark": "-- #region all our students\n|",
    "template": "-- {{ config(materialized='table') }}\n|",
    "heading of a dump": "--\n-- Table structure for table `students`\n--\n\n|",
    "header of a dump": "-- MySQL dump 10.13  Distrib 8.0\n--\n-- Host: here  Database: x\n|",
    "entry of a dump": "--\n-- Name: students; Type: TABLE; Owner: me\n--\n\n|",
    "to do": "-- TODO write this query\n|",
    "rule": "-----------------\n|",
    "double rule": "-- ====================\n|",
    "title between rules": "-- =====\n-- Our students\n-- =====\n|",
    "title with a rule": "-- Our students -----\n|",
    "title in a rule": "-- ==== Our students ====\n|",
    "box": "/******** Our students ********/\n|",
    "single word": "-- students\n|",
    "empty comment": "--\n|",
    "empty block": "/* */\n|",
    "optimizer hint": "/*+ parallel the query */\n|",
    "version comment": "/*!40101 set names utf8 now */\n|",
    "trailing after code": "SELECT 1; -- how old is Wang?\n|",
    "trailing, cursor at its end": "SELECT 1; -- how old is Wang?|",
    "trailing in a table": "CREATE TABLE t (\n  a INT, -- the age of Wang\n|\n);",
    "own line in a table": "CREATE TABLE t (\n  -- the age of Wang\n|\n  a INT\n);",
    "in the middle of a select": "SELECT a,\n-- the age of Wang\n|\nFROM t;",
    "in the middle, after an empty line": "SELECT a,\n\n-- the age of Wang\n|\nb FROM t;",
    "directly below a line of a statement": "SELECT a\n-- the age of Wang\n|\nFROM t;",
    "in the body of a trigger": (
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  SELECT 1;\n  -- how old is Wang?\n|\nEND;"
    ),
    "answered": "-- how old is Wang?|\nSELECT 1;",
    "answered, cursor below the answer": "-- how old is Wang?\nSELECT 1;\n|",
    "answered, cursor behind the answer": "-- how old is Wang?\nSELECT 1;|",
    "in the middle of the answer": "-- how old is Wang?\nSELECT |1;",
    "in the first line of the answer": "-- how old is Wang?\nSELECT Age|\nFROM students;",
    "code behind a block comment": "/* how old is Wang? */ SELECT 1|",
    "code behind the cursor": "-- how old is Wang?\n|SELECT 1;",
    "in a string": "INSERT INTO t VALUES ('\n-- how old is Wang?\n|\n');",
    "in a dollar quote": "DO $$\n-- how old is Wang?\n|\n$$;",
    "in a tagged dollar quote": "DO $fn$\n-- how old is Wang?\n|\n$fn$;",
    "in an identifier": 'SELECT "\n-- how old is Wang?\n|\n";',
    "in a block comment": "/* x\n-- how old is Wang?\n|\n*/",
    "a comment in the begun statement": "-- how old is Wang?\nSELECT -- the age\n A|",
    "an unclosed block comment": "/* how old is Wang?|",
}


@pytest.mark.parametrize(("marked", "question"), ASKED.values(), ids=ASKED)
def test_a_comment_above_an_empty_place_asks(marked: str, question: str) -> None:
    found = request(marked)
    assert found is not None
    assert found.question == question


@pytest.mark.parametrize("marked", NOT_ASKED.values(), ids=NOT_ASKED)
def test_anything_else_asks_nothing(marked: str) -> None:
    assert request(marked) is None


def test_a_request_says_where_its_comment_is_and_where_the_answer_goes() -> None:
    text = TABLE + "  -- how old\n  -- is Wang?\n    "
    found = find_request(text, len(text))
    assert found is not None
    assert text[found.start : found.end] == "-- how old\n  -- is Wang?"
    assert found.insert_at == len(text)
    assert (found.indent, found.line_indent) == ("  ", "    ")
    assert not found.on_new_line


def test_at_the_comments_end_the_answer_goes_on_a_new_line() -> None:
    found = request("-- how old is Wang?|")
    assert found is not None
    assert found.on_new_line
    assert found.insert_at == len("-- how old is Wang?")


def test_what_is_typed_and_what_follows_are_reported() -> None:
    found = request("-- count them all\n\nSELECT count(|);\n\nSELECT 1;")
    assert found is not None
    assert (found.typed, found.following) == ("SELECT count(", ");")


@pytest.mark.parametrize(
    "marked",
    ["|-- how old is Wang?", "-- how| old is Wang?\n", "-- a question of\n--| two lines\n"],
)
def test_a_code_action_may_stand_anywhere_in_the_comment(marked: str) -> None:
    found = request(marked, anywhere=True)
    assert found is not None
    assert found.on_new_line
    assert found.insert_at == len(marked.replace("|", "").rstrip("\n"))


def test_an_answered_comment_offers_no_code_action() -> None:
    assert request("-- how| old is Wang?\nSELECT 1;", anywhere=True) is None


def test_a_query_without_comment_offers_no_code_action() -> None:
    assert request("-- how old is Wang?\n\nSEL|ECT 1;", anywhere=True) is None


def test_a_backslash_escapes_a_quote_where_the_dialect_says_so() -> None:
    marked = "SELECT 'it\\'s';\n\n-- how old is Wang's sister?\n|"
    assert request(marked, "mysql") is not None


@pytest.mark.parametrize(
    "text",
    ["select everyone from Berlin please", "select a student", "use last year", "show tables"],
)
def test_a_sentence_is_not_sql(text: str) -> None:
    assert not is_sql(text)


@pytest.mark.parametrize(
    "text",
    ["select * from t", "select t.a from t", "select 1+1;", "select name n from students s;"],
)
def test_a_statement_in_lower_case_is_sql(text: str) -> None:
    assert is_sql(text)


PIECES = [
    "-- how old is Wang?",
    "\n",
    "\r\n",
    "'",
    '"',
    "$$",
    "/*",
    "*/",
    "SELECT a",
    ";",
    "(",
    " ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.data())
def test_any_text_and_any_cursor_gets_an_answer(pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces)
    offset = data.draw(st.integers(0, len(text)))
    for anywhere in (False, True):
        found = find_request(text, offset, anywhere=anywhere)
        if found is not None:
            assert 0 <= found.start < found.end <= found.insert_at <= len(text)
            comment = text[found.start : found.end]
            assert comment.startswith(("--", "/*"))
            assert all(word in comment for word in found.question.split())
