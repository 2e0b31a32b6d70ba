"""House words found in pairs, and new questions composed with them."""

from __future__ import annotations

from random import Random

import pytest

from squill.ddl import parse_schema
from squill_trainer.evaluation import canonical
from squill_trainer.learning.composition import compose
from squill_trainer.learning.examples import Example
from squill_trainer.learning.terms import house_terms

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
    rng = Random(0)
    made = [compose(SCHEMA, terms, rng, 0.2) for _ in range(200)]
    return [example for example in made if example is not None]


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


def test_the_same_draw_composes_the_same_questions() -> None:
    first, second = (compose(SCHEMA, (), Random(3), 1.0) for _ in range(2))
    assert first is not None
    assert first == second
