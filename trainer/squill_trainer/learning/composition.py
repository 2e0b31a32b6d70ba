"""New questions with the house's words: what the pairs teach, in combinations they do not show.

A model of a few million parameters learns whole questions by heart before it learns what one word
of them means. The same question with the word, with another one and with none leaves it no other
way.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from squill.prompt.words import identifier_words
from squill_trainer.learning.examples import Example
from squill_trainer.learning.general import general_values
from squill_trainer.learning.terms import Term, conjuncts
from squill_trainer.pretrain.synthesis import single_table
from squill_trainer.pretrain.synthesis.drawing import Drawer, Question, plural, words
from squill_trainer.pretrain.synthesis.narrowed import narrowed, narrowing_columns
from squill_trainer.pretrain.synthesis.two_tables import Joined, joins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from squill.schema import Schema, Table

_ATTEMPTS = 40
_DOUBLE, _JOINED, _PLAIN, _NARROWED = 0.2, 0.2, 0.25, 0.3


class _Speaking(Drawer):
    """Speaks of a term's rows wherever the table's would be spoken of."""

    def __init__(self, table: Table, phrase: str, rng: Random) -> None:
        super().__init__(table, general_values(), rng)
        self._phrase = phrase

    def noun(self) -> str:
        return self._phrase


def families(schema: Schema, terms: Sequence[Term], rng: Random) -> Iterator[Example]:
    """Made-up examples on ``schema``, without end where there are any: a question of a term's rows,
    the same question of another term's and of all rows of the table, and so on.
    """
    failed = 0
    while failed < _ATTEMPTS:
        found = _family(schema, terms, rng) if terms else []
        if rng.random() < _JOINED and (joined := _joined(schema, terms, rng)):
            found.append(joined)
        if (not terms or rng.random() < _PLAIN) and (plain := _plain(schema, rng)):
            found.append(plain)
        failed = 0 if found else failed + 1
        yield from found


def speaks_of(terms: Sequence[Term], example: Example) -> bool:
    """Whether a made-up question has the words of any of the terms."""
    return any(term.phrase in example.question for term in terms)


def _family(schema: Schema, terms: Sequence[Term], rng: Random) -> list[Example]:
    term = rng.choice(terms)
    others = [other for other in terms if other.table == term.table and other != term]
    said = [term, Term(term.table, (), plural(" ".join(identifier_words(term.table.name))))]
    said += [rng.choice(others)] if others else []
    if rng.random() < _DOUBLE and (both := _doubled(term, terms, rng)):
        said.append(both)
    maker, draw = rng.choice(single_table.MAKERS), rng.random()
    found = []
    for one in said:
        question = maker(_Speaking(one.table, one.phrase, Random(draw)))  # noqa: S311 (questions)
        if question is None or one.phrase not in question.text:
            return []
        example = _example(schema, question, one.conditions)
        found += [example] if example else []
    return found


def _plain(schema: Schema, rng: Random) -> Example | None:
    tables = [table for table in schema.tables if table.columns]
    if not tables:
        return None
    draw = Drawer(rng.choice(tables), general_values(), rng)
    columns, label = narrowing_columns(draw.table), draw.label()
    if columns and label and rng.random() < _NARROWED:
        return _example(schema, narrowed(draw, columns, label), ())
    question = rng.choice(single_table.MAKERS)(draw)
    return _example(schema, question, ()) if question else None


def plain_examples(schemas: Sequence[Schema], count: int) -> tuple[Example, ...]:
    """Questions on one table without house words, the same ones each time; fewer where a schema
    has nothing to ask for.
    """
    rng = Random("plain")  # noqa: S311 (draws questions, no secrets)
    found: dict[str, Example] = {}
    for attempt in range(_ATTEMPTS * count if schemas else 0):
        if len(found) == count:
            break
        if example := _plain(schemas[attempt % len(schemas)], rng):
            found.setdefault(example.question, example)
    return tuple(found.values())


def _doubled(term: Term, terms: Sequence[Term], rng: Random) -> Term | None:
    """Rows that two terms of one table are said of."""
    others = [
        t for t in terms if t.table == term.table and set(t.conditions).isdisjoint(term.conditions)
    ]
    if not others:
        return None
    other = rng.choice(others)
    link = rng.choice((" that are ", " that are ", " which are also ", " that are also "))
    conditions = (*term.conditions, *other.conditions)
    return Term(term.table, conditions, f"{term.phrase}{link}{other.phrase}")


def _joined(schema: Schema, terms: Sequence[Term], rng: Random) -> Example | None:
    """A question about the rows that refer to those of a term, which may be a term's as well."""
    possible = [
        (join, term)
        for join in joins(schema, general_values(), rng)
        for term in terms
        if term.table == join.parent.table
    ]
    if not possible:
        return None
    join, term = rng.choice(possible)
    own = [t for t in terms if t.table == join.child.table]
    child = rng.choice(own) if own and rng.random() < 0.35 else None
    question = _joined_question(join, child.phrase if child else join.child.noun(), term.phrase)
    conditions = [
        _qualified(text, schema, t.table) for t in (child, term) if t for text in t.conditions
    ]
    return _example(schema, question, conditions)


def _joined_question(join: Joined, children: str, parents: str) -> Question:
    draw, number = join.child, join.child.number()
    of = draw.pick("of", "from", "of")
    if number is None or draw.rng.random() < 0.5:
        text = draw.pick(
            f"How many {children} do {parents} have?",
            f"How many {children} came from {parents}?",
            f"number of {children} {of} {parents}",
            f"How many {children} belong to {parents}?",
        )
        return Question(text, f"SELECT COUNT(*) {join.clause}")
    function, said = draw.rng.choice(
        (("AVG", "average"), ("SUM", "total"), ("MAX", "highest"), ("MIN", "lowest"))
    )
    lead = draw.pick("", "", "the ", "What is the ")
    text = f"{lead}{said} {words(number)} of {children} {of} {parents}"
    return Question(text, f"SELECT {function}({join.of(draw, number)}) {join.clause}")


def _qualified(condition: str, schema: Schema, table: Table) -> str:
    tree = sqlglot.parse_one(condition, dialect=schema.dialect or None)
    for column in tree.find_all(exp.Column):
        column.set("table", exp.to_identifier(table.name, quoted=True))
    return tree.sql(dialect=schema.dialect or None)


def _example(schema: Schema, question: Question, conditions: Sequence[str]) -> Example | None:
    """The question's SQL, narrowed by the conditions, in the schema's dialect."""
    dialect = schema.dialect or None
    try:
        tree = sqlglot.parse_one(question.sql, dialect="sqlite")
        if not isinstance(tree, exp.Select):
            return None
        own = tree.args.get("where")
        parts: list[exp.Expr] = [sqlglot.parse_one(text, dialect=dialect) for text in conditions]
        if own:
            parts += conjuncts(own.this)
        if parts:
            tree.set("where", exp.Where(this=exp.and_(*parts)))
        return Example(question.text, tree.sql(dialect=dialect), schema)
    except SqlglotError:
        return None
