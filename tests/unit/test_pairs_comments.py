"""Which comment of an example file is the question of which statement."""

from __future__ import annotations

import pytest

from squill.pairs.comments import asked_statements
from squill_lsp.comments import find_request

ASKED = [
    ("-- how many orders\nSELECT 1;", "how many orders"),
    ("--how many orders\nSELECT 1", "how many orders"),
    ("-- how many\n-- orders are there\nSELECT 1;", "how many orders are there"),
    ("/* how many orders */\nSELECT 1;", "how many orders"),
    ("/*\n * how many\n * orders\n */\nSELECT 1;", "how many orders"),
    ("-- dialect: sqlite\n\n-- how many orders\nSELECT 1;", "how many orders"),
    ("-- Orders\n\n-- how many orders\nSELECT 1;", "how many orders"),
    ("-- ---------\n-- how many orders\nSELECT 1;", "how many orders"),
    ("-- a title\n--\n-- how many orders\nSELECT 1;", "how many orders"),
    ("/* a note */\n-- how many orders\nSELECT 1;", "how many orders"),
    ("-- how many orders\r\nSELECT 1;\r\n", "how many orders"),
    ("-- how many orders\n\n\nSELECT 1;", "how many orders"),
    ("-- wie viele Bestellungen für Zürich?\nSELECT 1;", "wie viele Bestellungen für Zürich?"),
    ("-- 注文は何件ありますか\nSELECT 1;", "注文は何件ありますか"),
    ("SELECT 2; -- a trailing note\n-- how many orders\nSELECT 1;", "how many orders"),
]
NOT_ASKED = [
    "SELECT 1;",
    "-- dialect: sqlite\nSELECT 1;",
    "SELECT 1; -- how many orders\n",
    "SELECT 2; -- how many orders\nSELECT 1;",
    "SELECT 1 -- how many orders\n;",
    "SELECT -- how many orders\n1;",
    "SELECT 2\n-- how many orders\n;\nSELECT 1;",
    "-- how many orders\n",
    "-- how many orders\n\n\n\n\nSELECT 1;",
    "-- ==== Orders ====\nSELECT 1;",
    "-- TODO: make this quicker\nSELECT 1;",
    "-- SELECT 2;\nSELECT 1;",
    "-- SELECT id FROM orders WHERE id = 1\nSELECT 1;",
    "-- Copyright (c) 2020 Acme, all rights reserved\nSELECT 1;",
    "/*! SET NAMES utf8 */\nSELECT 1;",
    "/* how many orders */ SELECT 1;",
    "-- the orders\nCREATE TABLE orders (id INTEGER);",
    "-- how many orders\nGO\nSELECT 1;",
    "",
    "-- never closed: ' \n",
    "/* never closed\nSELECT 1;",
]


@pytest.mark.parametrize(("text", "question"), ASKED)
def test_a_comment_above_a_statement_is_its_question(text: str, question: str) -> None:
    asked = list(asked_statements(text, "sqlite"))
    assert [(each.question, each.sql) for each in asked] == [(question, "SELECT 1")]


@pytest.mark.parametrize("text", NOT_ASKED)
def test_other_comments_are_none(text: str) -> None:
    assert list(asked_statements(text, "sqlite")) == []


@pytest.mark.parametrize(("text", "question"), ASKED)
def test_the_editor_asks_with_the_same_words(text: str, question: str) -> None:
    above = text[: text.rindex("SELECT 1")]
    request = find_request(above, len(above), "sqlite")
    assert request is not None
    assert request.question == question


@pytest.mark.parametrize(
    "text", [text for text in NOT_ASKED if text.endswith("\nSELECT 1;") and "GO" not in text]
)
def test_where_the_editor_asks_nothing_nothing_is_learned(text: str) -> None:
    above = text[: text.rindex("SELECT 1")]
    assert find_request(above, len(above), "sqlite") is None


def test_every_pair_of_a_file_has_its_line() -> None:
    text = (
        "-- one\nSELECT 1;\n\n-- two,\n-- in words\nSELECT\n  2; -- not this\n\n-- three\nSELECT 3"
    )
    found = [(each.line, each.question, each.sql) for each in asked_statements(text)]
    assert found == [
        (1, "one", "SELECT 1"),
        (4, "two, in words", "SELECT\n  2"),
        (9, "three", "SELECT 3"),
    ]


def test_a_statement_without_its_semicolon_ends_at_the_next_one() -> None:
    found = [each.sql for each in asked_statements("-- one\nSELECT 1\n-- two\nSELECT 2")]
    assert found == ["SELECT 1", "SELECT 2"]


def test_comments_inside_a_statement_stay_there() -> None:
    text = "-- how many\nSELECT 1 -- the number\nFROM a;"
    assert [each.sql for each in asked_statements(text)] == ["SELECT 1 -- the number\nFROM a"]


def test_texts_with_comment_marks_in_them_are_texts() -> None:
    text = "-- one\nSELECT '-- no question\n';\n-- two\nSELECT '/*';\n-- three\nSELECT '*/';"
    assert [each.question for each in asked_statements(text)] == ["one", "two", "three"]


def test_what_is_no_statement_is_handed_on_to_be_refused() -> None:
    assert [each.sql for each in asked_statements("-- how many\nSELCT 1;")] == ["SELCT 1"]


def test_an_explanation_that_squill_wrote_is_no_part_of_the_question() -> None:
    text = (
        "-- who lives there\n-- : The name of people where town is there.\nSELECT name FROM people;"
    )
    [asked] = asked_statements(text)
    assert asked.question == "who lives there"
    assert list(asked_statements(text.partition("\n")[2])) == []
