"""House words: which words of the questions stand for which conditions of the queries.

A condition that the question does not spell out ("active customers": ``status = 'A'``) must be
meant by words that name nothing in the schema. The words are those that every question with the
condition shares and no question without it has.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from squill.adapters.words import spoken_words
from squill.prompt.slots.numbering import Numbering
from squill.prompt.words import identifier_words, stem
from squill_trainer.pretrain.synthesis.drawing import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from squill.schema import Schema, Table
    from squill_trainer.learning.examples import Example

_COMMON_TEXT = """
a about above after all also an and any are as ascending at available average avg be been before
belong below between biggest both but by can could count cost costing date day days descending did
different distinct do does each earliest every fetch find first for found from get give go goes got
greater had has have her highest his how i if in is it its kind know largest last latest least less
longest shortest newest heaviest lightest cheapest
list lowest many max maximum me mean min minimum month more most much my name names no not number of
old older on one only or order ordered our out over overall per please query return select she show
shown since smallest some sort sorted sum tell than that the their them there these they this those
to top total under unique up us was we were what when where which while who whose with without year
you your placed signed made came come coming together grouped group currently now today still yet
"""
_COMMON = frozenset(stem(word) for word in _COMMON_TEXT.split())


@dataclass(frozen=True, slots=True)
class Term:
    """Rows of ``table`` that fulfil ``conditions`` (SQL without qualifiers) are ``phrase``."""

    table: Table
    conditions: tuple[str, ...]
    phrase: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one example's query demands beyond its question, and the words that could say so."""

    conditions: tuple[str, ...]
    table: Table | None
    runs: tuple[tuple[str, ...], ...]
    stems: tuple[str, ...]
    words: tuple[str, ...]


def unknown_words(example: Example) -> list[str]:
    """Stems of the question's words that name nothing in the schema and are not the query's own."""
    return [word for run in _read(example).runs for word in run]


def house_terms(examples: Sequence[Example]) -> tuple[Term, ...]:
    """The terms that the examples of one schema agree on; what is not certain is left out."""
    readings = [_read(example) for example in examples]
    first = {frozenset(r.conditions): r for r in reversed(readings) if r.table and r.conditions}
    found: list[Term] = []
    for conditions in sorted(first, key=lambda key: readings.index(first[key])):
        parts = [other for other in first if other < conditions]
        if not parts or frozenset().union(*parts) != conditions:
            found += _terms(first[conditions], readings)
    return tuple(dict.fromkeys(found))


def _terms(first: _Reading, readings: Sequence[_Reading]) -> Iterator[Term]:
    wanted = set(first.conditions)
    having = [r for r in readings if wanted <= set(r.conditions)]
    others = [r for r in readings if not wanted <= set(r.conditions)]
    runs = Counter(run for r in having for run in r.runs)
    for run, _ in sorted(runs.items(), key=lambda item: (-item[1], -len(item[0]), item[0])):
        covered = [r for r in having if _position(run, r.stems) >= 0]
        contradicting = sum(_position(run, r.stems) >= 0 for r in others)
        if 4 * contradicting > len(covered):
            continue
        if covered and first.table:
            yield Term(first.table, first.conditions, _phrase(run, covered, first.table))
            having = [r for r in having if r not in covered]


def _phrase(run: tuple[str, ...], covered: Sequence[_Reading], table: Table) -> str:
    """As the questions have it, in the plural, with the table's noun where they add that."""
    noun = tuple(stem(word) for word in identifier_words(table.name))
    said: Counter[str] = Counter()
    followers: Counter[str] = Counter()
    for reading in covered:
        at = _position(run, reading.stems)
        end = at + len(run)
        said[" ".join(reading.words[at:end])] += 1
        if reading.stems[end : end + len(noun)] == noun:
            followers[" ".join(identifier_words(table.name))] += 1
        elif end < len(reading.words) and reading.stems[end] not in _COMMON:
            followers[stem(reading.words[end])] += 1
    words = max(sorted(said), key=lambda text: said[text])
    follower, times = max(followers.items(), key=lambda item: item[1], default=("", 0))
    return plural(f"{words} {follower}" if 2 * times > len(covered) else words)


def _position(run: tuple[str, ...], stems: tuple[str, ...]) -> int:
    ends = range(len(stems) - len(run) + 1)
    return next((i for i in ends if stems[i : i + len(run)] == run), -1)


def _read(example: Example) -> _Reading:
    words = spoken_words(example.question)
    stems = tuple(stem(word) for word in words)
    conditions, tables, literals = _unsaid(example)
    said = {stem(word) for text in literals for word in spoken_words(text)}
    known = said | _COMMON | schema_stems(example.schema)
    runs: list[tuple[str, ...]] = [()]
    for word in stems:
        if word in known or not word[0].isalpha():
            runs.append(())
        else:
            runs[-1] = (*runs[-1], word)
    table = tables.pop() if len(tables) == 1 else None
    return _Reading(tuple(conditions), table, tuple(r for r in runs if r), stems, tuple(words))


def schema_stems(schema: Schema) -> set[str]:
    """Of all words that its tables and columns are named by."""
    names = [name for t in schema.tables for name in (t.name, *(c.name for c in t.columns))]
    return {stem(word) for name in names for word in identifier_words(name)}


def _unsaid(example: Example) -> tuple[list[str], set[Table], list[str]]:
    """Conditions that the question does not spell out, their tables, and the literals it does."""
    try:
        tree = sqlglot.parse_one(example.sql, dialect=example.schema.dialect or None)
    except (SqlglotError, RecursionError):
        return [], set(), []
    numbering = Numbering(example.schema, example.question)
    literals = [literal.name for literal in tree.find_all(exp.Literal)]
    spelled = [text for text in literals if numbering.find_span(text.strip("%"))]
    where = tree.args.get("where") if isinstance(tree, exp.Select) else None
    conditions, tables = [], set()
    for part in conjuncts(where.this) if where else ():
        constants = [literal.name for literal in part.find_all(exp.Literal)]
        if constants and all(text in spelled for text in constants):
            continue
        table = _owner(part, tree, example.schema)
        if table is None or part.find(exp.Query):
            continue
        bare = part.copy()
        for column in bare.find_all(exp.Column):
            column.set("table", None)
        conditions.append(bare.sql(dialect=example.schema.dialect or None))
        tables.add(table)
    return conditions, tables, spelled


def conjuncts(condition: exp.Expr) -> Iterable[exp.Expr]:
    """What must all hold, in its own order."""
    return condition.flatten() if isinstance(condition, exp.And) else (condition,)


def _owner(part: exp.Expr, tree: exp.Expr, schema: Schema) -> Table | None:
    """The one table that all columns of ``part`` belong to."""
    sources = {node.alias_or_name: schema.table(node.name) for node in tree.find_all(exp.Table)}
    owners: set[Table] = set()
    for column in part.find_all(exp.Column):
        fitting = (
            [sources.get(column.table)]
            if column.table
            else [t for t in sources.values() if t and t.column(column.name)]
        )
        if len(set(fitting)) != 1 or fitting[0] is None:
            return None
        owners.add(fitting[0])
    return owners.pop() if len(owners) == 1 else None
