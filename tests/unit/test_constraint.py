"""The grammar in the decoder: masks, forced tokens, and what happens where there is no grammar."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import driving
from grammar_walk import byte_tokenizer, compiler_of
from squill.blas import load_blas
from squill.errors import ModelUnsupportedError
from squill.prompt import format_by_id, literals_for_model
from squill.prompt.slots.vocabulary import all_tokens
from squill.schema import Column, Schema, Table
from squill.settings import Settings
from squill_daemon import constraint as constraint_module
from squill_daemon.answerer import Answerer
from squill_daemon.constraint import Constrainer, Constraint
from squill_daemon.engine import run_alone
from squill_daemon.grammar import compiler as compiler_module
from squill_daemon.language_model import Sampling, Written
from squill_daemon.requests import GenerateRequest
from squill_daemon.sampling import choose

if TYPE_CHECKING:
    from pathlib import Path

    from squill_daemon.mlx_model import MlxModel

SCHEMA = Schema((Table("students", (Column("name"), Column("age"), Column("school"))),))
PLAIN = format_by_id("plain-1")
BYTES = byte_tokenizer()
COMPILER = compiler_of(BYTES)
QUESTION = "How old is Wang Junjian"


class OneByOne(Constraint):
    """Feeds each token on its own, as a decoder does that knows nothing of forced tokens."""

    def allowed(self) -> constraint_module.Allowed:
        allowed = super().allowed()
        ahead = self._matcher.compute_ff_tokens()
        return np.arange(len(allowed)) == ahead[0] if ahead else allowed

    def accept(self, token: int) -> list[int]:
        self.take([token])
        return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    load_blas()
    from tiny_model import make_tiny_model

    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


def opened(folder: Path, *, constrained: bool = True) -> MlxModel:
    from squill_daemon.mlx_model import open_model

    return open_model(str(folder), load_blas(), constrained=constrained)


def written(model: MlxModel, sampling: Sampling, most: int = 60) -> list[Written]:
    prompt = driving.read(model, model.encode("Q"))
    (tokens,) = driving.written(model, [model.write(prompt, sampling, SCHEMA, QUESTION)], most)
    return tokens


def plain(**changes: object) -> Constraint:
    terminals = replace(PLAIN.terminals(SCHEMA, QUESTION), **changes)
    return Constraint(COMPILER, terminals, changes=False)


def told(constraint: Constraint, text: str) -> Constraint:
    constraint.take(BYTES.encode(text).ids)
    return constraint


def next_characters(constraint: Constraint) -> set[str]:
    return {BYTES.decode([int(i)]) for i in np.flatnonzero(constraint.allowed()) if i}


def test_forced_tokens_change_nothing_but_the_number_of_passes(folder, monkeypatch):
    together = written(opened(folder), Sampling(), most=200)
    monkeypatch.setattr(constraint_module, "Constraint", OneByOne)
    alone = written(opened(folder), Sampling(), most=200)
    assert not any(token.forced for token in alone)
    assert any(token.forced for token in together)
    assert len(together) <= len(alone)
    assert together[-1].text.startswith(alone[-1].text)


def test_a_random_model_writes_sql_over_the_schema(folder):
    (*_, last) = written(opened(folder), Sampling(0.7, 1))
    assert last.text.strip().upper().startswith("SELECT")
    told(plain(), last.text).allowed()


def test_the_constraint_can_be_switched_off(folder):
    (*_, last) = written(opened(folder, constrained=False), Sampling(0.7, 1))
    assert not last.text.strip().upper().startswith("SELECT")


def test_an_answer_says_how_many_of_its_tokens_were_forced(folder):
    answerer = Answerer(lambda: opened(folder), Settings())
    answerer.load()
    request = GenerateRequest(SCHEMA, QUESTION)
    tokens = run_alone(answerer, answerer.generate(request, time.monotonic())).tokens
    assert 0 < tokens.forced < tokens.generated


@pytest.mark.parametrize("temperature", [0.0, 5.0])
def test_tokens_that_may_not_follow_have_no_chance(temperature):
    noise = np.random.default_rng(0)
    logits = noise.normal(size=300).astype(np.float32)
    drawn = {choose(logits, plain().allowed(), temperature, noise)[0] for _ in range(100)}
    assert drawn <= set(BYTES.encode("sS \t\nWw").ids)
    assert len(drawn) == (1 if temperature == 0 else 7)


def test_the_probabilities_of_the_allowed_tokens_add_up_to_one():
    logits, allowed = np.array([1, 2, 3, 9], np.float32), np.array([True, True, True, False])
    token, logprob = choose(logits, allowed, 0.0, np.random.default_rng(0))
    assert token == 2
    assert np.exp(logprob) == pytest.approx(np.exp(3) / np.exp([1, 2, 3]).sum())


def test_bytes_that_must_follow_are_forced():
    constraint = told(plain(), "SELECT age FROM st")
    assert BYTES.decode(constraint.accept(BYTES.token_to_id("u"))) == "dents"


def test_the_last_word_slot_can_only_be_followed_by_itself():
    tokens = byte_tokenizer(all_tokens())
    slots = format_by_id("slots-2")
    constraint = Constraint(compiler_of(tokens), slots.terminals(SCHEMA, QUESTION), changes=False)
    *start, last = tokens.encode("SELECT <c1> FROM <t1> WHERE <c2> = <w5>").ids
    constraint.take(start)
    assert constraint.accept(last) == []
    assert np.flatnonzero(constraint.allowed()).tolist() == [last]


def test_an_answer_that_cannot_go_on_has_ended():
    constraint = told(plain(stops=()), "SELECT age FROM students")
    assert not constraint.ended
    assert told(constraint, ";").ended


@pytest.mark.parametrize(
    ("start", "made"),
    [
        ("SELECT school, COUNT(*) AS zahl FROM students GROUP BY school ORDER BY zahl", True),
        ("SELECT school, COUNT(*) FROM students GROUP BY school ORDER BY zahl", False),
        ("SELECT school, ' AS zahl ' FROM students ORDER BY zahl", False),
        ("WITH zahl AS (SELECT age FROM students) SELECT age FROM zahl", True),
    ],
)
def test_a_name_can_be_used_once_it_is_made(start, made):
    constraint = told(plain(), start)
    assert (BYTES.token_to_id("</s>") in np.flatnonzero(constraint.allowed())) is made


def test_equal_schemas_share_one_grammar_whatever_is_asked():
    tokens = byte_tokenizer(all_tokens())
    compiler = compiler_of(tokens)
    slots = format_by_id("slots-2")
    other = Schema((Table("trees", (Column("height"),)), *SCHEMA.tables))
    for schema, question in ((SCHEMA, "a"), (SCHEMA, "a b c"), (other, "who")):
        Constraint(compiler, slots.terminals(schema, question), changes=False)
    assert len(compiler._kept) == 1


def test_the_least_recently_used_grammar_is_forgotten():
    compiler = compiler_of(BYTES)
    for number in range(40):
        schema = Schema((Table(f"t{number}", (Column("a"),)),))
        compiler.matcher(PLAIN.terminals(schema, ""), changes=False)
    assert len(compiler._kept) == 32


def test_a_grammar_that_is_too_large_leaves_the_answer_free(folder, monkeypatch, caplog):
    monkeypatch.setattr(
        compiler_module, "_LIMITS", compiler_module.LLParserLimits(max_grammar_size=10)
    )
    with caplog.at_level(logging.WARNING):
        model = opened(folder)
        assert len(written(model, Sampling(0.7, 1))) > 1
        written(model, Sampling(0.7, 2))
    messages = [r.getMessage() for r in caplog.records if r.name == constraint_module.__name__]
    reason = "answers are not constrained: llguidance refused the grammar of 1 tables"
    assert messages == [f"{reason}, {columns} columns" for columns in (1, 3)]


def test_a_tokenizer_of_another_kind_leaves_the_answer_free():
    constrainer = Constrainer(PLAIN, object())
    assert constrainer.constraint(SCHEMA, QUESTION) is None
    assert "tokenizer" in constrainer.problem


def test_a_grammar_that_fails_in_mid_answer_leaves_the_rest_free(caplog):
    constraint = plain()
    constraint.take(BYTES.encode("SELECT )").ids)
    assert constraint.allowed().all()
    assert not constraint.ended
    assert constraint.accept(5) == []
    assert "mid-answer" in caplog.text


@pytest.mark.parametrize(
    ("manifest", "literals"),
    [
        (None, "free"),
        ('{"prompt_format": "plain-1"}', "free"),
        ('{"prompt_format": "slots-2", "literals": "question"}', "question"),
    ],
)
def test_a_model_says_where_its_literals_come_from(tmp_path, manifest, literals):
    if manifest:
        (tmp_path / "squill.json").write_text(manifest)
    assert literals_for_model(tmp_path) == literals


def test_another_word_for_literals_is_refused(tmp_path):
    (tmp_path / "squill.json").write_text('{"prompt_format": "plain-1", "literals": "mine"}')
    with pytest.raises(ModelUnsupportedError, match="free"):
        literals_for_model(tmp_path)


def test_a_small_model_can_be_kept_to_the_words_of_the_question():
    tokenizer = type("Tokenizer", (), {"backend_tokenizer": BYTES, "eos_token_ids": {0}})()
    start = "SELECT age FROM students WHERE name = '"
    free = Constrainer(PLAIN, tokenizer).constraint(SCHEMA, QUESTION)
    bound = Constrainer(PLAIN, tokenizer, literals="question").constraint(SCHEMA, QUESTION)
    assert "Z" in next_characters(told(free, start))
    assert next_characters(told(bound, start)) == {"H", "o", "i", "W", "J", " ", "'", "%", "_"}
