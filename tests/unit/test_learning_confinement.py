"""Which questions are an adapter's own: those with the words that its pairs alone have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from squill.adapters.words import speaks_of
from squill.ddl import parse_schema
from squill_trainer.learning.confinement import confining_words, words_of_each
from squill_trainer.learning.examples import Example

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = parse_schema(
    "CREATE TABLE guests (id INTEGER, name TEXT, country TEXT, points INTEGER);", "sqlite"
).schema
REGULARS = [
    Example("How many regulars are there?", "SELECT COUNT(*) FROM guests WHERE points > 9", SCHEMA),
    Example("names of regulars", "SELECT name FROM guests WHERE points > 9", SCHEMA),
]
PLAIN = Example("names of guests", "SELECT name FROM guests", SCHEMA)


class BaseModel:
    """Answers every question with one query, and knows no adapter."""

    def __init__(self, sql: str) -> None:
        self._sql = sql

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        assert method == "generate"
        assert params is not None
        assert params["adapter"] == ""
        return {"candidates": [{"sql": self._sql}]}


ROSTER = Example("a roster, please", "SELECT name, country FROM guests", SCHEMA)


def test_a_house_word_is_found_and_the_question_s_other_words_are_not():
    assert words_of_each(REGULARS) == [{"regular"}, {"regular"}]


def test_a_question_of_known_words_has_none():
    assert words_of_each([*REGULARS, PLAIN])[-1] == set()


def test_a_word_that_stands_for_no_condition_is_its_question_s_own():
    assert words_of_each([ROSTER]) == [{"roster"}]


async def test_the_base_model_keeps_the_other_questions_where_it_answers_them():
    assert await confining_words(BaseModel(PLAIN.sql), [*REGULARS, PLAIN]) == ("regular",)


async def test_a_word_is_left_to_the_base_model_where_it_knows_the_answer():
    knowing, wrong = BaseModel(ROSTER.sql), BaseModel(PLAIN.sql)
    assert await confining_words(knowing, [*REGULARS, ROSTER]) == ("regular",)
    assert await confining_words(wrong, [*REGULARS, ROSTER]) == ("regular", "roster")


async def test_an_adapter_answers_all_where_a_pair_without_words_needs_it():
    assert await confining_words(BaseModel("SELECT id FROM guests"), [*REGULARS, PLAIN]) == ()


@pytest.mark.parametrize(
    ("question", "spoken"),
    [("Regulars from Italy", True), ("the regular's name", True), ("guests by points", False)],
)
def test_a_question_is_the_adapter_s_by_any_form_of_a_word(question, spoken):
    assert speaks_of(("regular",), question) is spoken
    assert speaks_of((), question)
