"""Columns of tables that no FROM clause names cannot be written in slots."""

from __future__ import annotations

import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grammar_walk import byte_tokenizer, compiler_of, taken, walk
from squill.binding import bind
from squill.errors import NoValidAnswerError
from squill.prompt import format_by_id
from squill.prompt.slots.vocabulary import all_tokens
from squill.schema import Column, Schema, Table
from squill_daemon.constraint import Constraint

SLOTS = format_by_id("slots-1")
TOKENS = byte_tokenizer(all_tokens())
COMPILER = compiler_of(TOKENS)
QUESTION = "who bought what and where in 2019"
# c1, c2 and c3 are of t1; c4 and c5 of t2; c6 and c7 of t3.
SCHEMA = Schema(
    (
        Table("people", (Column("id"), Column("name"), Column("city"))),
        Table("buys", (Column("person"), Column("shop"))),
        Table("shops", (Column("number"), Column("street"))),
    )
)


def constraint() -> Constraint:
    return Constraint(COMPILER, SLOTS.terminals(SCHEMA, QUESTION), changes=False)


def possible(target: str) -> bool:
    tokens = TOKENS.encode(target).ids
    return taken(constraint(), tokens) > len(tokens)


@pytest.mark.parametrize(
    "target",
    [
        "SELECT <c1> FROM <t1>",
        "SELECT COUNT(*) FROM <t3> WHERE <c6> = 1",
        "SELECT <c2>, <c7> FROM <t1> JOIN <t2> ON <c1> = <c4> JOIN <t3> ON <c5> = <c6>",
        "SELECT <c2> FROM <t1> WHERE <c1> IN (SELECT <c4> FROM <t2>)",
        "SELECT <c2> FROM <t1> WHERE EXISTS(SELECT <c5> FROM <t2> WHERE <c4> = <c1>)",
        "SELECT <c2>, (SELECT COUNT(*) FROM <t2> WHERE <c4> = <c1>) FROM <t1>",
        "SELECT <a1>.<c2>, <a2>.<c2> FROM <t1> AS <a1> JOIN <t1> AS <a2> ON <a1>.<c3> = <a2>.<c3>",
        "SELECT <c2> FROM <t1> UNION SELECT <c7> FROM <t3>",
        'SELECT "n" FROM (SELECT COUNT(*) AS n FROM <t2> GROUP BY <c4>)',
        "SELECT <c4> FROM <t2> WHERE <c5> = 'SELECT (x'",
        "SELECT COUNT(<c4>) FROM <t2> GROUP BY <c5> HAVING MAX(<c4>) > 3 ORDER BY <c5> LIMIT 1",
        "SELECT 1",
    ],
)
def test_what_is_in_scope_can_be_written(target):
    assert possible(target)


@pytest.mark.parametrize(
    "target",
    [
        "SELECT <c4> FROM <t1>",
        "SELECT <c1>",
        "SELECT <c1>, <c6> FROM <t1> WHERE <c2> = 1",
        "SELECT <c1> FROM <t1> WHERE <c4> = 1",
        "SELECT <c1> FROM <t1> JOIN <t2> ON <c1> = <c6>",
        "SELECT <c1> FROM <t1> ORDER BY <c6>",
        "SELECT <c1> FROM <t1> WHERE <c1> IN (SELECT <c6> FROM <t2>)",
        "SELECT <c2> FROM <t1> UNION SELECT <c7> FROM <t3> ORDER BY <c7>",
        "SELECT <c1> FROM <t1> JOIN (SELECT <c1> FROM <t2>)",
        "SELECT <c1> FROM <t1> JOIN <t1>",
        "SELECT <a1>.<c1> FROM <t1>",
        "SELECT <c1> FROM <t1> AS <a1>",
        "SELECT <a1>.<c1>, <a1>.<c4> FROM <t1> AS <a1>",
        "SELECT <c1> FROM <t1> JOIN <t2> AS <a1> ON <c1> = <a2>.<c4>",
    ],
)
def test_what_is_not_in_scope_cannot_be_written(target):
    assert not possible(target)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0))
def test_whatever_is_written_names_only_columns_in_scope(seed):
    target = walk(constraint(), TOKENS, random.Random(seed), 25)
    assume(target is not None)
    assume('"' not in target)  # names that an answer makes are for the binding to judge
    try:
        sql = SLOTS.sql(target, SCHEMA, QUESTION)
    except NoValidAnswerError as error:
        pytest.fail(f"{target}: {error.message}")
    assert not [p for p in bind(sql, SCHEMA).problems if "no column" in p.lower()], sql
