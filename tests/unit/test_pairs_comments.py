"""Which comment of an example file is the question of which statement."""

from __future__ import annotations

import os

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

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
        "-- the one\nSELECT 1;\n\n-- two,\n-- in words\nSELECT\n  2; -- not this\n\n"
        "-- the three\nSELECT 3"
    )
    found = [(each.line, each.question, each.sql) for each in asked_statements(text)]
    assert found == [
        (1, "the one", "SELECT 1"),
        (4, "two, in words", "SELECT\n  2"),
        (9, "the three", "SELECT 3"),
    ]


def test_a_statement_without_its_semicolon_ends_at_the_next_one() -> None:
    found = [each.sql for each in asked_statements("-- the one\nSELECT 1\n\n-- the two\nSELECT 2")]
    assert found == ["SELECT 1", "SELECT 2"]


def test_comments_inside_a_statement_stay_there() -> None:
    text = "-- how many\nSELECT 1 -- the number\nFROM a;"
    assert [each.sql for each in asked_statements(text)] == ["SELECT 1 -- the number\nFROM a"]


def test_texts_with_comment_marks_in_them_are_texts() -> None:
    text = (
        "-- the one\nSELECT '-- no question\n';\n-- the two\nSELECT '/*';\n"
        "-- the three\nSELECT '*/';"
    )
    found = [each.question for each in asked_statements(text)]
    assert found == ["the one", "the two", "the three"]


def test_what_is_no_statement_is_handed_on_to_be_refused() -> None:
    assert [each.sql for each in asked_statements("-- how many\nSELCT 1;")] == ["SELCT 1"]


def test_an_explanation_that_squill_wrote_is_no_part_of_the_question() -> None:
    text = (
        "-- who lives there\n-- : The name of people where town is there.\nSELECT name FROM people;"
    )
    [asked] = asked_statements(text)
    assert asked.question == "who lives there"
    assert list(asked_statements(text.partition("\n")[2])) == []


@pytest.mark.parametrize("gap", ["\n", "\n\n", "\n \n\n"])
def test_an_explanation_does_not_part_a_question_from_its_statement(gap: str) -> None:
    explanation = "-- : The name of people\n-- : where town is '--'.\n"
    [asked] = asked_statements(f"-- who lives there{gap}{explanation}\nSELECT name FROM people;")
    assert (asked.question, asked.sql) == ("who lives there", "SELECT name FROM people")


def test_an_explanation_brings_a_far_comment_no_nearer() -> None:
    text = "-- who lives there\n\n\n\n-- : The name of people.\nSELECT name FROM people;"
    assert list(asked_statements(text)) == []


DIALECTS = ("sqlite", "mysql", "postgres", "tsql", "bigquery", "snowflake", "duckdb", "oracle", "")
ABOVE = (
    "SELECT 2;",
    "SELECT 2",
    "SELECT '-- how many orders\\n';",
    "SELECT 'it''s' -- a note",
    "INSERT INTO t VALUES (1,",
    "CREATE FUNCTION f() AS $$ -- how many orders\n BEGIN SELECT 1; END; $$ LANGUAGE plpgsql;",
    "CREATE TRIGGER x AFTER INSERT ON t BEGIN\n-- how many orders\nSELECT 1; END;",
    "SELECT 1 # 2;",
    "SELECT * FROM #tmp;",
    "GO",
    ";",
)
COMMENTS = (
    "-- how many orders",
    "--how many orders",
    "-- Orders",
    "-- how many\n-- orders are there",
    "# how many orders",
    "#how many orders",
    "/* how many orders */",
    "/* how many /* nested */ orders */",
    "/*\n * how many\n * orders\n */",
    "/* how many orders",
    "-- SELECT 3;",
    "-- TODO look at this",
    "-- ====== Orders ======",
    "-- : The number of orders.",
    "-- dialect: mysql",
    "-- Copyright (c) 2020 Acme",
    "/*+ a hint */",
    "    -- how many orders",
    "-- how many orders?  ",
)
PIECES = st.sampled_from((*ABOVE, *COMMENTS, ""))


@settings(max_examples=int(os.environ.get("SQUILL_EXAMPLES", "400")))
@given(
    above=st.lists(PIECES, max_size=4),
    comment=st.sampled_from(COMMENTS),
    space=st.sampled_from(("\n", "\n\n", "\n  \n", "\n\n\n", "\n\n\n\n", "\r\n", "\r\n\r\n")),
    dialect=st.sampled_from(DIALECTS),
)
def test_what_is_asked_in_the_editor_is_what_is_learned_from_the_file(
    above: list[str], comment: str, space: str, dialect: str
) -> None:
    """The statement that is learned stands where the editor would have put it."""
    routines = {"$$": ("postgres",), "TRIGGER": ("sqlite",)}
    for piece in above:  # a routine of another dialect has no end that can be told
        assume(all(mark not in piece or dialect in of for mark, of in routines.items()))
    line_end = "\r\n" if "\r" in space else "\n"
    text = "".join(f"{piece}{line_end}" for piece in above) + comment + space
    request = find_request(text, len(text), dialect)
    learned = [
        each.question
        for each in asked_statements(f"{text}SELECT 1", dialect)
        if each.sql == "SELECT 1" and each.end == len(text) + len("SELECT 1")
    ]
    is_empty = request is not None and not request.typed  # nothing of a statement stands there yet
    assert learned == ([request.question] if request and is_empty else [])
