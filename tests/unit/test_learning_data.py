"""The learning benchmark's data: its questions can be answered, and tell right from wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlglot
from sqlglot import exp

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from learning_canary import canary, real_questions
from learning_data import Business, Case, Term, names, read_business
from learning_rows import make_database
from squill.binding import bind
from squill.canonical import canonical
from squill.pairs.store import PairStore
from squill.prompt import format_by_id
from squill.settings import Settings
from squill_trainer.evaluation import Database, compare
from squill_trainer.learning.general import real_examples, watched_examples

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOTS = format_by_id("slots-2")
_ASKED = re.compile(r"'?(?:<w\d+>)+'?")


@pytest.fixture(scope="module", params=names())
def business(request: pytest.FixtureRequest) -> Business:
    return read_business(request.param)


@pytest.fixture(scope="module")
def database(business: Business, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp(business.name) / "rows.sqlite"
    make_database(business, path)
    with Database(path) as opened:
        yield opened


def cases(business: Business) -> tuple[Case, ...]:
    return business.pairs + business.unseen + business.plain


def conditions(sql: str) -> list[str]:
    """What the query's WHERE clause joins by AND, without the tables' names."""
    where = sqlglot.parse_one(sql, dialect="sqlite").args.get("where")
    if where is None:
        return []
    found = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
    for column in where.find_all(exp.Column):
        column.set("table", None)
    return [condition.sql(dialect="sqlite") for condition in found]


def uses(case: Case, term: Term) -> bool:
    wanted = conditions(f"SELECT 1 FROM {term.table} WHERE {term.condition}")
    return set(wanted) <= set(conditions(case.sql))


def shape(case: Case, business: Business) -> str:
    """The query with whatever the question spells out taken from it."""
    return _ASKED.sub("?", SLOTS.target(case.sql, business.schema, case.question))


def without_one_condition(sql: str) -> Iterator[str]:
    for condition in range(len(conditions(sql))):
        tree = sqlglot.parse_one(sql, dialect="sqlite")
        where = tree.args["where"]
        parts = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
        del parts[condition]
        tree.set("where", exp.Where(this=exp.and_(*parts)) if parts else None)
        yield tree.sql(dialect="sqlite")


def test_most_of_the_canary_was_asked_by_people_and_none_of_it_learned_or_watched() -> None:
    asked = canary(200)
    assert len({one.question.casefold() for one in asked}) == 200
    assert asked[:120] == real_questions()
    used = (*real_examples(), *watched_examples(200))
    assert not {one.question for one in asked} & {example.question for example in used}
    columns = {table.columns for example in used for table in example.schema.tables}
    assert not columns & {one.schema.tables[0].columns for one in asked[:120]}


def test_the_canary_s_queries_fit_their_tables() -> None:
    assert [one.sql for one in canary() if canonical(one.sql, one.schema) is None] == []


def test_there_are_six_businesses() -> None:
    assert len(names()) >= 6


def test_each_has_thirty_pairs_twenty_questions_and_a_few_words(business: Business) -> None:
    assert len(business.pairs) == 30
    assert len(business.unseen) == 20
    assert 4 <= len(business.terms) <= 6
    assert 3 <= len(business.schema.tables) <= 8


def test_gold_queries_come_back_from_the_slot_format(business: Business) -> None:
    schema = business.schema
    for case in cases(business):
        target = SLOTS.target(case.sql, schema, case.question)
        spelled = SLOTS.sql(target, schema, case.question)
        form = canonical(case.sql, schema, strict=True)
        assert form is not None, case
        assert canonical(spelled, schema, strict=True) == form, case


def test_a_workspace_takes_all_pairs(business: Business, tmp_path: Path) -> None:
    examples = tmp_path / ".squill" / "examples"
    examples.mkdir(parents=True)
    (tmp_path / "schema.sql").write_text(business.ddl)
    (examples / "pairs.jsonl").write_bytes((business.folder / "pairs.jsonl").read_bytes())
    found = PairStore(tmp_path, Settings()).load()
    assert {Case(pair.question, pair.sql) for pair in found.usable} == set(business.pairs)
    assert {pair.dialect for pair in found.usable} == {business.schema.dialect}
    assert found.schema_of(found.usable[0]) == business.schema
    assert not found.set_aside
    assert not found.conflicts
    assert not found.duplicates


def test_gold_queries_bind(business: Business) -> None:
    for case in cases(business):
        assert bind(case.sql, business.schema).valid, case


def test_gold_queries_find_something(business: Business, database: Database) -> None:
    for case in cases(business):
        found = database.run(case.sql)
        assert not found.error, case
        assert found.rows, case
        assert not all(value in (0, None) for row in found.rows for value in row), case


def test_leaving_out_a_condition_shows(business: Business, database: Database) -> None:
    for case in cases(business):
        gold = database.run(case.sql)
        for wrong in without_one_condition(case.sql):
            assert not compare(database.run(wrong), gold, case.sql), (case, wrong)


def test_no_two_unseen_questions_have_the_same_result(
    business: Business, database: Database
) -> None:
    results = [database.run(case.sql).rows for case in business.unseen]
    assert len(set(results)) == len(results)


def test_each_question_uses_a_house_word(business: Business) -> None:
    for case in business.pairs + business.unseen:
        assert any(uses(case, term) for term in business.terms), case


def test_plain_questions_use_none(business: Business) -> None:
    words = [word for term in business.terms for word in term.word.casefold().split()[:1]]
    for case in business.plain:
        assert not any(uses(case, term) for term in business.terms), case
        assert not any(word in case.question.casefold() for word in words), case


def test_each_word_is_met_early_and_five_to_eight_times(business: Business) -> None:
    for term in business.terms:
        assert 5 <= sum(uses(case, term) for case in business.pairs) <= 8, term
        assert any(uses(case, term) for case in business.pairs[: len(business.terms)]), term
        assert any(uses(case, term) for case in business.unseen), term


def test_no_unseen_question_was_learned(business: Business) -> None:
    learned = {case.question.casefold() for case in business.pairs}
    asked = [case.question.casefold() for case in business.unseen]
    assert len(set(asked)) == len(asked)
    assert learned.isdisjoint(asked)


def test_no_pair_shows_the_query_of_an_unseen_question(business: Business) -> None:
    """Not even with another value in its place."""
    learned = {shape(case, business) for case in business.pairs}
    forms = {canonical(case.sql, business.schema) for case in business.pairs}
    for case in business.unseen:
        assert shape(case, business) not in learned, case
        assert canonical(case.sql, business.schema) not in forms, case


def test_the_schema_tells_no_house_word(business: Business) -> None:
    """Their values stand in no name, and the words that say them name no column of theirs."""
    for term in business.terms:
        said = {word.casefold() for word in re.findall(r"\w+", term.word)}
        columns = sqlglot.parse_one(term.condition, dialect="sqlite").find_all(exp.Column)
        assert said.isdisjoint(column.name.casefold() for column in columns), term


def test_rows_are_the_same_each_time(business: Business, tmp_path: Path) -> None:
    dumps = []
    for name in ("first", "second"):
        make_database(business, tmp_path / name)
        with Database(tmp_path / name) as opened:
            dumps.append([opened.run(f"SELECT * FROM {t.name}") for t in business.schema.tables])
    assert dumps[0] == dumps[1]
