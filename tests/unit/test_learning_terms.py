"""House words found in pairs, and new questions composed with them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from random import Random

import pytest

from squill.ddl import parse_schema
from squill_trainer.evaluation import canonical
from squill_trainer.learning.composition import families
from squill_trainer.learning.examples import Example
from squill_trainer.learning.terms import house_terms
from squill_trainer.learning.transplants import Transplants

SCHEMA = parse_schema(
    "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT, town TEXT, state TEXT, left_on DATE);"
    "CREATE TABLE calls (id INTEGER PRIMARY KEY, client_id INTEGER REFERENCES clients (id),"
    " minutes INTEGER, kind TEXT);",
    "sqlite",
).schema
LIVE = "state = 'L' AND left_on IS NULL"


def examples(*pairs: tuple[str, str]) -> list[Example]:
    return [Example(question, sql, SCHEMA) for question, sql in pairs]


def found(*pairs: tuple[str, str]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(t.phrase, t.table.name, t.conditions) for t in house_terms(examples(*pairs))]


def test_a_word_before_the_table_s_noun_keeps_the_noun() -> None:
    assert found(
        ("How many live clients are there?", f"SELECT COUNT(*) FROM clients WHERE {LIVE}")
    ) == [("live clients", "clients", ("state = 'L'", "left_on IS NULL"))]


def test_a_word_that_stands_for_the_rows_is_put_in_the_plural() -> None:
    assert found(("the longest marathon", "SELECT * FROM calls WHERE minutes > 90")) == [
        ("marathons", "calls", ("minutes > 90",))
    ]


def test_a_condition_that_the_question_spells_out_is_no_term() -> None:
    assert found(("clients in Rome", "SELECT * FROM clients WHERE town = 'Rome'")) == []


def test_a_word_that_questions_without_the_condition_share_is_no_term() -> None:
    named = ("names of valued clients", "SELECT name FROM clients")
    assert found(named, ("valued clients", f"SELECT * FROM clients WHERE {LIVE}")) == []


def test_two_terms_in_one_question_are_told_apart() -> None:
    terms = found(
        ("ghosts who are live clients", f"SELECT * FROM clients WHERE town = 'X' AND {LIVE}"),
        ("How many ghosts?", "SELECT COUNT(*) FROM clients WHERE town = 'X'"),
        ("How many live clients?", f"SELECT COUNT(*) FROM clients WHERE {LIVE}"),
    )
    assert {(phrase, conditions) for phrase, _, conditions in terms} == {
        ("ghosts", ("town = 'X'",)),
        ("live clients", ("state = 'L'", "left_on IS NULL")),
    }


def test_what_does_not_parse_yields_nothing() -> None:
    assert found(("gibberish", "SELECT FROM WHERE")) == []


@pytest.fixture(scope="module")
def composed() -> list[Example]:
    terms = house_terms(
        examples(
            ("How many live clients are there?", f"SELECT COUNT(*) FROM clients WHERE {LIVE}"),
            ("How many marathons?", "SELECT COUNT(*) FROM calls WHERE minutes > 90"),
        )
    )
    return list(islice(families(SCHEMA, terms, Random(0)), 200))


def test_composed_queries_fit_the_schema(composed: list[Example]) -> None:
    assert len(composed) == 200
    assert [e.sql for e in composed if canonical(e.sql, SCHEMA) is None] == []


def test_a_composed_question_has_the_condition_exactly_where_it_has_the_words(
    composed: list[Example],
) -> None:
    assert any("live clients" in example.question for example in composed)
    for example in composed:
        assert ("live clients" in example.question) == ("state = 'L'" in example.sql)


def test_some_composed_questions_follow_a_foreign_key_to_the_term(composed: list[Example]) -> None:
    joined = [e for e in composed if "live clients" in e.question and "JOIN" in e.sql]
    assert joined
    assert all(".left_on IS NULL" in example.sql for example in joined)


def test_questions_differ_from_others_by_the_words_alone(composed: list[Example]) -> None:
    asked = {example.question for example in composed}
    with_words = [question for question in asked if question.count("live clients") == 1]
    twins = [question.replace("live clients", "clients") for question in with_words]
    assert len(asked.intersection(twins)) > len(twins) / 2


def test_the_same_draw_composes_the_same_questions() -> None:
    first, second = (list(islice(families(SCHEMA, (), Random(3)), 9)) for _ in range(2))
    assert len(first) == 9
    assert first == second


def test_tables_that_nothing_can_be_asked_of_yield_nothing() -> None:
    empty = parse_schema("CREATE TABLE t (id INTEGER PRIMARY KEY)", "sqlite").schema
    bare = replace(empty, tables=(replace(empty.tables[0], columns=()),))
    assert list(families(bare, (), Random(0))) == []


@pytest.fixture(scope="module")
def transplants() -> Transplants:
    own = examples(
        ("names of live clients", f"SELECT name FROM clients WHERE {LIVE}"),
        ("list the ghosts", "SELECT * FROM clients WHERE town = 'X'"),
        ("the longest minutes of a marathon", "SELECT MAX(minutes) FROM calls WHERE minutes > 90"),
        (
            "How many calls do ghosts have?",
            "SELECT COUNT(*) FROM calls JOIN clients AS c ON calls.client_id = c.id"
            " WHERE c.town = 'X'",
        ),
    )
    return Transplants(own, house_terms(own))


def test_the_user_s_questions_are_asked_of_other_rows(transplants: Transplants) -> None:
    rng = Random(0)
    drawn = {e.question: e.sql for e in (transplants.draw(rng) for _ in range(200)) if e}
    assert drawn["names of clients"] == "SELECT name FROM clients"
    assert drawn["names of ghosts"] == "SELECT name FROM clients WHERE town = 'X'"
    assert drawn["list the live clients"] == f"SELECT * FROM clients WHERE {LIVE}"
    assert drawn["list the marathons"] == "SELECT * FROM calls WHERE minutes > 90"
    assert drawn["the longest minutes of a call"] == "SELECT MAX(minutes) FROM calls"
    assert drawn["How many calls do live clients have?"].endswith(
        "WHERE c.state = 'L' AND c.left_on IS NULL"
    )
    assert "names of marathons" not in drawn  # calls have no names
    assert "How many calls do marathons have?" not in drawn
    assert [sql for sql in drawn.values() if canonical(sql, SCHEMA) is None] == []


def test_without_terms_nothing_is_transplanted() -> None:
    own = examples(("all clients", "SELECT * FROM clients"))
    assert Transplants(own, house_terms(own)).draw(Random(0)) is None
