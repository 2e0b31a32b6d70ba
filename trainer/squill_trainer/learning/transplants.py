"""The user's own questions, said of other rows: their ways of asking, in new combinations.

"average nights of walk-ins" is asked of skippers, and of all stays. What does not speak of columns
is asked of other tables as well: "list the walk-ins" becomes "list the regulars".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from squill.prompt.words import identifier_words, stem
from squill_trainer.learning.examples import Example
from squill_trainer.learning.terms import Term, conjuncts, schema_stems
from squill_trainer.pretrain.synthesis.drawing import plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from squill.schema import Schema

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_ATTEMPTS = 12
_ARTICLES = frozenset({"a", "an"})


@dataclass(frozen=True, slots=True)
class Frame:
    """An example with the characters of its question that speak of ``term``; ``one`` of its rows,
    as "a walk-in" does.
    """

    example: Example
    term: Term
    start: int
    end: int
    one: bool

    @property
    def spoken(self) -> str:
        return self.example.question[self.start : self.end]


class Transplants:
    """Examples of one schema with each of their terms replaced by others."""

    def __init__(self, examples: Sequence[Example], terms: Sequence[Term]) -> None:
        found = (_frame(example, term) for example in examples for term in terms)
        self._frames = [frame for frame in found if frame]
        self._terms = tuple(dict.fromkeys(frame.term for frame in self._frames))

    def draw(self, rng: Random) -> Example | None:
        """One at random; None where none is found that can be said of other rows."""
        attempts = range(_ATTEMPTS) if self._frames else ()
        return next((found for _ in attempts if (found := self._drawn(rng))), None)

    def _drawn(self, rng: Random) -> Example | None:
        frame = rng.choice(self._frames)
        other = rng.choice([*self._terms, _all_rows(frame.term)])
        if other == frame.term:
            return None
        sql = _said_of(frame, other)
        if sql is None:
            return None
        question = frame.example.question
        text = question[: frame.start] + self._words(other, rng, one=frame.one)
        return Example(text + question[frame.end :], sql, frame.example.schema)

    def _words(self, term: Term, rng: Random, *, one: bool) -> str:
        """As the user says it elsewhere."""
        said = [f.spoken for f in self._frames if f.term == term and f.one is one]
        if said:
            return rng.choice(said).lower()
        *first, last = term.phrase.split()
        return " ".join([*first, stem(last) if one else last])


def _all_rows(term: Term) -> Term:
    return Term(term.table, (), plural(" ".join(identifier_words(term.table.name))))


def _frame(example: Example, term: Term) -> Frame | None:
    wanted = [stem(word) for word in term.phrase.split()]
    words = list(_WORD.finditer(example.question))
    stems = [stem(word[0].lower()) for word in words]
    ends = range(len(stems) - len(wanted) + 1)
    at = next((i for i in ends if stems[i : i + len(wanted)] == wanted), None)
    if at is None or not set(term.conditions) <= set(_conditions(example)):
        return None
    last = at + len(wanted) - 1
    one = at > 0 and words[at - 1][0].lower() in _ARTICLES
    return Frame(example, term, words[at].start(), words[last].end(), one)


def _conditions(example: Example) -> list[str]:
    try:
        tree = _parsed(example.sql, example.schema)
    except SqlglotError:
        return []
    return [_bare(part, example.schema) for part in _parts(tree)]


def _said_of(frame: Frame, other: Term) -> str | None:
    """The frame's query with the conditions of ``other`` in the place of its term's."""
    schema = frame.example.schema
    tree = _parsed(frame.example.sql, schema)
    parts = [(part, _bare(part, schema)) for part in _parts(tree)]
    own = [part for part, text in parts if text in frame.term.conditions]
    kept = [part for part, text in parts if text not in frame.term.conditions]
    if {text for _, text in parts if text not in frame.term.conditions} & set(other.conditions):
        return None
    qualifier = next((c.table for part in own for c in part.find_all(exp.Column)), "")
    conditions = [_parsed(text, schema) for text in other.conditions]
    for column in (c for part in conditions for c in part.find_all(exp.Column)):
        column.set("table", exp.to_identifier(qualifier) if qualifier else None)
    tree.set("where", None)
    if other.table != frame.term.table and (
        _speaks_of_tables(frame) or not _moved(tree, kept, other)
    ):
        return None
    if joined := [*conditions, *kept]:
        tree.set("where", exp.Where(this=exp.and_(*joined)))
    return tree.sql(dialect=schema.dialect or None)


def _speaks_of_tables(frame: Frame) -> bool:
    """Whether the question names tables or columns beside the term."""
    question = frame.example.question
    rest = f"{question[: frame.start]} {question[frame.end :]}".lower()
    named = schema_stems(frame.example.schema)
    return any(stem(word) in named for word in _WORD.findall(rest))


def _moved(tree: exp.Expr, kept: Sequence[exp.Expr], other: Term) -> bool:
    """Make the query, which is without conditions, one on another table, if it can be."""
    tables = list(tree.find_all(exp.Table))
    if kept or len(tables) != 1 or tables[0].alias or tree.find(exp.Column):
        return False
    tables[0].set("this", exp.to_identifier(other.table.name))
    return True


def _parsed(sql: str, schema: Schema) -> exp.Expr:
    return sqlglot.parse_one(sql, dialect=schema.dialect or None)


def _parts(tree: exp.Expr) -> list[exp.Expr]:
    where = tree.args.get("where") if isinstance(tree, exp.Select) else None
    return list(conjuncts(where.this)) if where else []


def _bare(part: exp.Expr, schema: Schema) -> str:
    bare = part.copy()
    for column in bare.find_all(exp.Column):
        column.set("table", None)
    return bare.sql(dialect=schema.dialect or None)
