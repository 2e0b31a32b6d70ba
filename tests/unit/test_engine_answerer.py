"""From question to checked queries, over a language model that writes what the test says."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import pytest

from squill.errors import AdapterError, SchemaError, UsageError
from squill.prompt import Example, format_by_id
from squill.schema import Column, Schema, Table
from squill.settings import GenerationSettings, Settings
from squill_daemon.answerer import Answerer
from squill_daemon.engine import Answer, EngineFigures, ModelInfo, Prefilled, Step
from squill_daemon.language_model import ReadPrompt, Sampling, Written
from squill_daemon.requests import GenerateRequest, PrefillRequest

if TYPE_CHECKING:
    from collections.abc import Generator

STUDENTS = "CREATE TABLE students (name TEXT, age INT, school TEXT);"
AGE = "SELECT age FROM students WHERE name = 'Wang Junjian'"
NAMES = "SELECT name FROM students"


class ReadRow:
    pending = ()


class WritingModel:
    """Writes its texts one after the other, a character a token, then starts over."""

    info = ModelInfo("writing", "", "cpu", "")
    prompt_format = format_by_id("plain-1")

    def __init__(self, *texts: str) -> None:
        self.prompts: list[str] = []
        self.samplings: list[Sampling] = []
        self.adapters: list[str | None] = []
        self._texts = itertools.cycle(texts)

    def encode(self, text: str) -> list[int]:
        self.prompts.append(text)
        return [ord(c) for c in text]

    def read(
        self, tokens: list[int], adapter: str | None = None
    ) -> Generator[ReadRow, None, ReadPrompt]:
        self.adapters.append(adapter)
        yield ReadRow()
        return ReadPrompt(tuple(tokens), 3, None)

    def load_adapter(self, digest: str) -> int:
        if digest != "fits":
            raise AdapterError(f"There is no adapter {digest}.")
        return 1

    def figures(self) -> EngineFigures:
        return EngineFigures()

    def write(
        self, _: ReadPrompt, sampling: Sampling, __: Schema, ___: str
    ) -> Generator[Written, None, None]:
        self.samplings.append(sampling)
        text = next(self._texts)
        certainty = -0.1 * len(self.samplings)
        for end in range(1, len(text) + 1):
            yield Written(text[:end], certainty, end=False)
        yield Written(text, certainty, end=True)

    def close(self) -> None:
        pass


def finish(steps: Generator[Step, None, Answer | Prefilled]) -> tuple[list[Step], object]:
    taken = []
    while True:
        try:
            taken.append(next(steps))
        except StopIteration as end:
            return taken, end.value


def answer_to(model: WritingModel, question: str = "How old is Wang Junjian?", **params: object):
    settings = params.pop("settings", Settings())
    schema = params.pop("schema", (STUDENTS,))
    answerer = Answerer(lambda: model, settings)
    answerer.load()
    request = GenerateRequest(schema, question, **params)
    return finish(answerer.generate(request, time.monotonic()))[1]


def test_a_valid_query_is_the_answer():
    answer = answer_to(WritingModel(f" {AGE};"))
    (candidate,) = answer.candidates
    assert candidate.sql == AGE
    assert candidate.tables == ("students",)
    assert candidate.logprob == pytest.approx(-0.1)
    assert answer.refused is None
    assert (answer.model, answer.dialect) == ("writing", "sqlite")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM students",
        "UPDATE students SET age = 0",
        "INSERT INTO students VALUES ('a', 1, 'b')",
    ],
)
def test_a_change_is_an_answer_only_where_the_words_ask_for_one(change):
    answer = answer_to(WritingModel(f" {change};"), "old students")
    assert answer.candidates == ()
    assert "don't ask for a change" in answer.refused
    asked = answer_to(WritingModel(f" {change};"), "delete, update or add students")
    assert [candidate.sql for candidate in asked.candidates] == [change]


def test_names_are_spelled_as_the_schema_spells_them():
    answer = answer_to(WritingModel("select AGE from STUDENTS where Name = 'Wang Junjian'"))
    assert [c.sql for c in answer.candidates] == [AGE]


def test_a_schema_that_fits_is_shown_whole():
    assert answer_to(WritingModel(AGE)).shown_tables is None


def test_a_schema_over_the_window_is_shown_in_part_and_the_part_is_named():
    noise = "".join(f"CREATE TABLE log_{i} (id INT, field_{i} TEXT);" for i in range(200))
    model = WritingModel(AGE)
    model.info = ModelInfo("writing", "", "cpu", "", window=1500)
    answer = answer_to(model, "age of students", schema=(noise, STUDENTS))
    assert "students" in answer.shown_tables
    assert 0 < len(answer.shown_tables) < 201
    assert len(model.prompts[-1]) <= 1500 - Settings().generation.max_tokens
    assert [c.sql for c in answer.candidates] == [AGE]


def test_a_number_compared_with_a_word_is_no_answer():
    answer = answer_to(WritingModel("SELECT name FROM students WHERE age = 'Wang'", AGE))
    assert [c.sql for c in answer.candidates] == [AGE]


def test_the_first_try_is_greedy_and_alone_when_it_fits():
    model = WritingModel(AGE)
    answer_to(model)
    assert model.samplings == [Sampling(0.0)]


def test_another_try_is_made_when_the_first_does_not_fit():
    model = WritingModel("SELECT aeg FROM students", AGE)
    answer = answer_to(model)
    assert [c.sql for c in answer.candidates] == [AGE]
    assert model.samplings[1].temperature > 0


def test_nothing_is_shown_when_nothing_fits_and_the_reason_is_given():
    answer = answer_to(WritingModel("SELECT aeg FROM students", "nonsense (("))
    assert answer.candidates == ()
    assert "aeg" in answer.refused


def test_several_candidates_are_different_and_the_greedy_one_comes_first():
    model = WritingModel(AGE, AGE, "SELECT nothing FROM students", NAMES)
    answer = answer_to(model, n=2)
    assert [c.sql for c in answer.candidates] == [AGE, NAMES]


def test_fewer_candidates_than_asked_for_are_still_an_answer():
    answer = answer_to(WritingModel(AGE), n=3)
    assert [c.sql for c in answer.candidates] == [AGE]
    assert answer.refused is None


def test_sampling_is_the_same_each_time():
    first, second = WritingModel(AGE, NAMES), WritingModel(AGE, NAMES)
    answer_to(first, n=2)
    answer_to(second, n=2)
    assert first.samplings == second.samplings


def test_no_time_means_no_answer_and_says_so():
    answer = answer_to(WritingModel(AGE), budget_ms=0)
    assert answer.candidates == ()
    assert "Time ran out" in answer.refused
    assert answer.tokens.generated == 0


def test_an_endless_text_is_cut_and_not_shown():
    settings = Settings(generation=GenerationSettings(max_tokens=10))
    answer = answer_to(WritingModel("SELECT " + "age, " * 100), settings=settings)
    assert answer.candidates == ()
    assert "10 tokens" in answer.refused


def test_a_model_that_writes_on_is_stopped_at_the_next_question():
    answer = answer_to(WritingModel(f" {AGE}\nQ: And the next?\nA: SELECT"))
    assert [c.sql for c in answer.candidates] == [AGE]
    assert answer.tokens.generated == len(f" {AGE}\nQ:")


def test_text_and_phase_come_with_each_step():
    answerer = Answerer(lambda: WritingModel(AGE), Settings())
    answerer.load()
    request = GenerateRequest((STUDENTS,), "How old?")
    steps, answer = finish(answerer.generate(request, time.monotonic()))
    assert (steps[0].phase, len(steps[0].rows)) == ("prefill", 1)
    assert [s.text() for s in steps[1:3]] == ["S", "SE"]
    assert {s.tokens for s in steps[1:]} == {1}
    assert len(steps) == answer.tokens.generated == len(AGE) + 1  # the last came with the answer
    assert answer.tokens.cached == 3


def test_time_spent_waiting_is_told_apart():
    answerer = Answerer(lambda: WritingModel(AGE), Settings())
    answerer.load()
    request = GenerateRequest((STUDENTS,), "How old?")
    _, answer = finish(answerer.generate(request, time.monotonic() - 1))
    spent = answer.milliseconds
    assert spent.queue >= 1000
    assert spent.total == pytest.approx(spent.queue + spent.prefill + spent.decode, abs=0.01)


def test_the_budget_does_not_run_while_the_model_loads():
    answerer = Answerer(lambda: WritingModel(AGE), Settings())
    arrival = time.monotonic() - 60
    answerer.load()
    _, answer = finish(answerer.generate(GenerateRequest((STUDENTS,), "How old?"), arrival))
    assert answer.candidates


@pytest.mark.parametrize(
    ("named", "active", "used"),
    [(None, None, None), (None, "fits", "fits"), ("fits", None, "fits"), ("", "fits", None)],
)
def test_the_request_s_adapter_goes_before_the_workspace_s_active_one(named, active, used):
    model = WritingModel(AGE)
    answerer = Answerer(lambda: model, Settings(), lambda place: active if place == "/w" else None)
    answerer.load()
    request = GenerateRequest((STUDENTS,), "How old?", adapter=named, workspace="/w")
    answer = finish(answerer.generate(request, time.monotonic()))[1]
    assert answer.adapter == used
    assert model.adapters == [used]


@pytest.mark.parametrize(
    ("question", "named", "confined", "used"),
    [
        ("How old are walk-ins?", None, False, "fits"),
        ("How old is the Regular from Rome?", None, False, "fits"),
        ("How old are those who walk in?", None, False, None),
        ("How old?", "fits", False, "fits"),
        ("How old?", "fits", True, None),
        ("How old are regulars?", "fits", True, "fits"),
    ],
)
def test_an_adapter_with_words_answers_questions_with_them(question, named, confined, used):
    model, words = WritingModel(AGE), {"fits": ("walk-in", "regular")}
    answerer = Answerer(lambda: model, Settings(), lambda _: "fits", words.__getitem__)
    answerer.load()
    request = GenerateRequest((STUDENTS,), question, adapter=named, confined=confined)
    answer = finish(answerer.generate(request, time.monotonic()))[1]
    assert answer.adapter == used
    assert model.adapters == [used]


def test_a_schema_is_read_ahead_for_the_adapter_s_questions_and_for_the_others():
    model = WritingModel(AGE)
    answerer = Answerer(lambda: model, Settings(), lambda _: "fits", lambda _: ("regular",))
    answerer.load()
    finish(answerer.prefill(PrefillRequest((STUDENTS,)), time.monotonic()))
    assert model.adapters == ["fits", None]


def test_an_active_adapter_that_cannot_be_used_leaves_the_base_model_and_a_reason():
    model = WritingModel(AGE)
    answerer = Answerer(lambda: model, Settings(), lambda _: "foreign")
    answerer.load()
    answer = finish(answerer.generate(GenerateRequest((STUDENTS,), "How?"), time.monotonic()))[1]
    assert answer.adapter is None
    assert answer.candidates
    assert "foreign" in answerer.figures().adapter_problem
    assert "foreign" in (answer.adapter_problem or "")
    other = GenerateRequest((STUDENTS,), "How?", adapter="")
    assert finish(answerer.generate(other, time.monotonic()))[1].adapter_problem is None


def test_the_prompt_is_the_format_s_own():
    model = WritingModel(AGE)
    examples = (Example("Who?", NAMES),)
    answer_to(model, "How old?", examples=examples)
    schema = Schema(
        (
            Table(
                "students", (Column("name", "TEXT"), Column("age", "INT"), Column("school", "TEXT"))
            ),
        )
    )
    assert model.prompts == [model.prompt_format.prompt(schema, "How old?", examples)]


def test_a_prefill_reads_what_every_question_shares():
    model = WritingModel(AGE)
    answerer = Answerer(lambda: model, Settings())
    answerer.load()
    _, prefilled = finish(answerer.prefill(PrefillRequest((STUDENTS,)), time.monotonic()))
    finish(answerer.generate(GenerateRequest((STUDENTS,), "How old?"), time.monotonic()))
    shared, whole = model.prompts
    assert whole.startswith(shared)
    assert prefilled == Prefilled(len(shared), 3)


def test_later_texts_override_earlier_ones():
    newer = "CREATE TABLE students (name TEXT, grade INT);"
    answer = answer_to(WritingModel(AGE, "SELECT grade FROM students"), schema=(STUDENTS, newer))
    assert [c.sql for c in answer.candidates] == ["SELECT grade FROM students"]


def test_a_broken_statement_is_reported_with_its_text_and_line():
    answer = answer_to(WritingModel(AGE), schema=(STUDENTS, "\nCREATE TABLE broken (a INT,, ,"))
    assert [(p.source, p.line) for p in answer.problems] == [(1, 2)]
    assert answer.candidates


@pytest.mark.parametrize(
    ("schema", "dialect", "expected", "origin"),
    [
        ((STUDENTS,), "", "sqlite", "default"),
        ((STUDENTS,), "postgres", "postgres", "setting"),
        (("-- dialect: mysql\n" + STUDENTS,), "", "mysql", "header"),
        (Schema((Table("students", (Column("age"),)),), "duckdb"), "", "duckdb", "setting"),
        (Schema((Table("students", (Column("age"),)),), "duckdb"), "tsql", "tsql", "setting"),
    ],
)
def test_what_decides_the_dialect_is_said(schema, dialect, expected, origin):
    answer = answer_to(WritingModel("SELECT age FROM students"), schema=schema, dialect=dialect)
    assert (answer.dialect, answer.dialect_origin) == (expected, origin)
    assert answer.candidates


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"schema": ("-- nothing here",)}, SchemaError),
        ({"schema": Schema()}, SchemaError),
        ({"dialect": "klingon"}, UsageError),
        ({"adapter": "unheard-of"}, AdapterError),
    ],
)
def test_a_request_that_cannot_be_answered_says_why(params, error):
    with pytest.raises(error):
        answer_to(WritingModel(AGE), **params)
