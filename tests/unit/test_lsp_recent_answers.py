"""Which answers serve again, and which must not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from squill_lsp.recent_answers import Ground, RecentAnswers, core_of

GROUND = Ground(schema="s", adapter=None, workspace="", epoch=1)
QUESTION = "How old is Wang?"


def reply(*statements: str) -> dict[str, Any]:
    return {"candidates": [{"sql": sql} for sql in statements]}


WANG = reply("SELECT Age FROM students WHERE Name = 'Wang'")


def found(kept: str, asked: str, answer: dict[str, Any] = WANG) -> bool:
    recent = RecentAnswers()
    recent.keep(GROUND, kept, 1, answer)
    return bool(recent.find(GROUND, asked))


@pytest.mark.parametrize(
    "asked",
    [QUESTION, "How old is Wang", "How old is Wang ?", "how old is Wang.", "How old is Wang\uff1f"],
)
def test_a_question_that_is_finished_or_capitalized_asks_the_same(asked: str) -> None:
    assert found(QUESTION, asked)


@pytest.mark.parametrize(
    "asked", ["How old is Wang Junjian?", "How old is wang?", "How old  is Wang?", "How old"]
)
def test_another_question_is_another_question(asked: str) -> None:
    assert not found(QUESTION, asked)


@pytest.mark.parametrize(
    ("kept", "asked", "literal"),
    [
        ("Wang's age", "wang's age", "Wang"),
        ("who is called Dr.", "who is called Dr", "Dr."),
    ],
)
def test_what_the_answer_quotes_must_be_spelled_the_same(
    kept: str, asked: str, literal: str
) -> None:
    answer = reply(f"SELECT Age FROM students WHERE Name = '{literal}'")
    assert not found(kept, asked, answer)
    assert found(kept, kept, answer)
    assert found(kept, asked, reply("SELECT Age FROM students"))


def test_every_part_of_the_ground_counts() -> None:
    recent = RecentAnswers()
    recent.keep(GROUND, QUESTION, 1, WANG)
    changes: list[dict[str, Any]] = [
        {"schema": "t"},
        {"adapter": "a"},
        {"workspace": "/w"},
        {"epoch": 2},
    ]
    for change in changes:
        assert not recent.find(replace(GROUND, **change), QUESTION), change
    assert recent.find(GROUND, QUESTION)


def test_the_answers_with_fewer_candidates_come_first() -> None:
    recent = RecentAnswers()
    for n in (3, 1):
        recent.keep(GROUND, QUESTION, n, WANG)
    assert [kept.n for kept in recent.find(GROUND, QUESTION)] == [1, 3]


def test_the_question_that_was_asked_longest_ago_is_forgotten_first() -> None:
    recent = RecentAnswers(most=2)
    for question in ("first one", "second one"):
        recent.keep(GROUND, question, 1, WANG)
    assert recent.find(GROUND, "first one")
    recent.keep(GROUND, "third one", 1, WANG)
    assert not recent.find(GROUND, "second one")
    assert recent.find(GROUND, "first one")


def test_whether_a_question_is_known_is_a_guess_without_the_ground() -> None:
    recent = RecentAnswers()
    recent.keep(GROUND, QUESTION, 1, WANG)
    assert recent.knows("how old is Wang")
    assert not recent.knows("how tall is Wang")


def test_a_question_of_marks_only_has_itself_as_core() -> None:
    assert core_of("?!") == "?!"
