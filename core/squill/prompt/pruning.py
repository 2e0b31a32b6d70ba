"""Fits a large schema into a prompt: the tables that a question most likely means.

Deterministic: equal input gives equal output. Ranked by shared words; the tables that join the
chosen ones are kept with them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from squill.prompt.words import identifier_words, question_words, stem

if TYPE_CHECKING:
    from squill.schema import Schema, Table


def prune(schema: Schema, question: str, *, max_tables: int, max_columns: int) -> Schema:
    """``schema`` itself where it fits, else its most fitting tables in their own order."""
    if fits(schema, max_tables=max_tables, max_columns=max_columns):
        return schema
    wanted = {stem(w.text.lower()) for w in question_words(question)}
    scores = [_score(table, wanted) for table in schema.tables]
    ranking = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    chosen: dict[int, Table] = {}
    room = max_columns
    for index in _with_neighbours(schema, ranking, scores):
        if len(chosen) == max_tables or room <= 0:
            break
        if index not in chosen:
            table = _narrow(schema.tables[index], wanted, room)
            chosen[index] = table
            room -= len(table.columns)
    return replace(schema, tables=tuple(chosen[i] for i in sorted(chosen)))


def fits(schema: Schema, *, max_tables: int, max_columns: int) -> bool:
    """Whether the whole schema may stand in a prompt of that size."""
    columns = sum(len(t.columns) for t in schema.tables)
    return len(schema.tables) <= max_tables and columns <= max_columns


def _score(table: Table, wanted: set[str]) -> float:
    own = {stem(w) for w in identifier_words(table.name) + identifier_words(table.comment)}
    score = 3.0 * len(own & wanted)
    for column in table.columns:
        words = {stem(w) for w in identifier_words(column.name)}
        if words:
            score += len(words & wanted) / len(words)
    return score


def _with_neighbours(schema: Schema, ranking: list[int], scores: list[float]) -> list[int]:
    """``ranking`` with, behind the leading tables, those that foreign keys tie to them."""
    leading = [i for i in ranking[:6] if scores[i] > 0] or ranking[:1]
    position = {t.name.casefold(): i for i, t in enumerate(schema.tables)}
    order = list(leading)
    for index in leading:
        for key in schema.tables[index].foreign_keys:
            target = position.get(key.table.rpartition(".")[2].casefold())
            if target is not None:
                order.append(target)
    names = {schema.tables[i].name.casefold() for i in leading}
    for index, table in enumerate(schema.tables):
        referred = {k.table.rpartition(".")[2].casefold() for k in table.foreign_keys}
        if len(referred & names) > 1:
            order.append(index)
    return order + ranking


def _narrow(table: Table, wanted: set[str], room: int) -> Table:
    """``table`` with at most ``room`` columns: keys and columns that the question names first."""
    if len(table.columns) <= room:
        return table
    keys = {name.casefold() for key in table.foreign_keys for name in key.columns}

    def rank(index: int) -> tuple[float, int]:
        column = table.columns[index]
        shared = {stem(w) for w in identifier_words(column.name)} & wanted
        is_key = column.primary_key or column.name.casefold() in keys
        return (-float(len(shared)) - (0.5 if is_key else 0.0), index)

    kept = sorted(sorted(range(len(table.columns)), key=rank)[:room])
    return replace(table, columns=tuple(table.columns[i] for i in kept))
