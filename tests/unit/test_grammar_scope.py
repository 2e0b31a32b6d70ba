"""Columns of tables that no FROM clause names cannot be written in slots."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grammar_walk import byte_tokenizer, compiler_of, taken, walk
from squill.binding import bind
from squill.errors import NoValidAnswerError
from squill.prompt import format_by_id
from squill.prompt.slots.vocabulary import all_tokens
from squill.schema import Column, ForeignKey, Schema, Table
from squill_daemon.constraint import Constraint

SLOTS = format_by_id("slots-2")
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
# As above, and each table refers to the one before it; t4 (c8) to none.
CHAIN = Schema(
    (
        SCHEMA.tables[0],
        replace(SCHEMA.tables[1], foreign_keys=(ForeignKey(("person",), "people", ("id",)),)),
        replace(SCHEMA.tables[2], foreign_keys=(ForeignKey(("number",), "buys", ("shop",)),)),
        Table("colours", (Column("colour"),)),
    )
)


def constraint(schema: Schema = SCHEMA) -> Constraint:
    return Constraint(COMPILER, SLOTS.terminals(schema, QUESTION), changes=False)


def possible(target: str, schema: Schema = SCHEMA) -> bool:
    tokens = TOKENS.encode(target).ids
    return taken(constraint(schema), tokens) > len(tokens)


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
        "SELECT <c1>, MAX(<c1>), <c2> FROM <t1> WHERE <c1> = 1 GROUP BY <c1>",
        "SELECT <c1> FROM <t1> UNION SELECT <c1> FROM <t1>",
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
        "SELECT <c1>, <c1> FROM <t1>",
        "SELECT DISTINCT <c1>, MAX(<c2>), <c1> FROM <t1>",
        "SELECT <c1> FROM <t1> AS <a1>",
        "SELECT <a1>.<c1>, <a1>.<c4> FROM <t1> AS <a1>",
        "SELECT <c1> FROM <t1> JOIN <t2> AS <a1> ON <c1> = <a2>.<c4>",
    ],
)
def test_what_is_not_in_scope_cannot_be_written(target):
    assert not possible(target)


@pytest.mark.parametrize(
    "target",
    [
        "SELECT <c7> FROM <t1> JOIN <t2> ON <c1> = <c4> JOIN <t3> ON <c5> = <c6>",
        "SELECT <c7> FROM <t1> JOIN <t3> ON <c1> = <c6>",
        "SELECT <c7> FROM <t3> JOIN <t4> ON <c6> = <c8>",
        "SELECT <c8> FROM <t4>, <t1>",
        "SELECT <c7> FROM <t1> JOIN <t2> ON <c1> = <c4> AND <c2> = <c5> JOIN <t3> ON <c5> = <c6>",
    ],
)
def test_tables_that_keys_connect_lead_to_the_one_that_is_needed(target):
    assert possible(target, CHAIN)


@pytest.mark.parametrize(
    "target",
    [
        "SELECT <c2> FROM <t4>",
        "SELECT <c4> FROM <t1> JOIN <t3>",
        "SELECT <c2>, <c4> FROM <t1> JOIN <t4>",
        "SELECT <c7> FROM <t1> JOIN <t2> ON <c1> = <c4> AND <c2> = <c5> AND <c3> = <c5>",
        "SELECT <c7> FROM <t1> JOIN <t2> ON <c1> = <c4> OR <c2> = <c5> AND <c3> = <c5>",
    ],
)
def test_what_leads_nowhere_cannot_be_written_while_a_table_is_missing(target):
    assert not possible(target, CHAIN)


def test_without_keys_one_table_may_stand_between_two():
    between = "SELECT <c7> FROM <t1> JOIN <t2>"
    assert possible(f"{between} ON <c1> = <c4> JOIN <t3> ON <c5> = <c6>")
    wider = replace(CHAIN, tables=tuple(replace(t, foreign_keys=()) for t in CHAIN.tables))
    assert not possible("SELECT <c8> FROM <t1> JOIN <t2> ON <c1> = <c4> JOIN <t3>", wider)
    assert possible("SELECT <c8> FROM <t1> JOIN <t2> ON <c1> = <c4> JOIN <t4>", wider)


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
