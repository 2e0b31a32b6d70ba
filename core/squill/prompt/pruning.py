"""Fits a large schema into a prompt: the tables that a question most likely means.

Deterministic: equal input gives equal output. Ranked by shared words; the tables that join the
chosen ones are kept with them.
"""

from __future__ import annotations

from collections import Counter
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
    scores = _scores(schema, wanted)
    ranking = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    sizes = [len(table.columns) for table in schema.tables]
    leading = _with_neighbours(schema, ranking, scores)
    share = max(8, max_columns // 4)
    room: dict[int, int] = {}
    # First a share for each likely table, then all of those, then whatever else there is place for.
    likely = leading + [i for i in ranking if scores[i] > 0]
    for candidates, most in ((likely, share), (leading, max_columns), (ranking, share)):
        for index in candidates:
            left = max_columns - sum(room.values()) + room.get(index, 0)
            if left > 0 and (index in room or len(room) < max_tables):
                room[index] = max(room.get(index, 0), min(sizes[index], most, left))
    tables = tuple(_narrow(schema.tables[i], wanted, room[i]) for i in sorted(room))
    return replace(schema, tables=tables)


def fits(schema: Schema, *, max_tables: int, max_columns: int) -> bool:
    """Whether the whole schema may stand in a prompt of that size."""
    columns = sum(len(t.columns) for t in schema.tables)
    return len(schema.tables) <= max_tables and columns <= max_columns


def _scores(schema: Schema, wanted: set[str]) -> list[float]:
    """How well each table fits the question: shared words, rare ones counting more.

    A word counts by how many tables have it too; in a table's name it counts threefold, and a
    column whose whole name is asked for counts once more.
    """
    names = [_stems(t.name) | _stems(t.comment) for t in schema.tables]
    columns = [[_stems(c.name) for c in t.columns] for t in schema.tables]
    every = [own.union(*others) for own, others in zip(names, columns, strict=True)]
    frequency = Counter(word for words in every for word in words & wanted)
    scores = []
    for own, others, words in zip(names, columns, every, strict=True):
        score = sum(1 / frequency[word] ** 0.5 for word in words & wanted)
        score += 2 * sum(1 / frequency[word] ** 0.5 for word in own & wanted)
        score += sum(0.5 for name in others if name and name <= wanted)
        scores.append(score)
    return scores


def _stems(text: str) -> set[str]:
    return {stem(word) for word in identifier_words(text)}


def _with_neighbours(schema: Schema, ranking: list[int], scores: list[float]) -> list[int]:
    """The tables that fit best, and behind them those that foreign keys tie to them."""
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
    return list(dict.fromkeys(order))


def _narrow(table: Table, wanted: set[str], room: int) -> Table:
    """``table`` with at most ``room`` columns: keys and columns that the question names first."""
    if len(table.columns) <= room:
        return table
    keys = {name.casefold() for key in table.foreign_keys for name in key.columns}

    def rank(index: int) -> tuple[float, int]:
        column = table.columns[index]
        shared = _stems(column.name) & wanted
        is_key = column.primary_key or column.name.casefold() in keys
        return (-float(len(shared)) - (0.5 if is_key else 0.0), index)

    kept = sorted(sorted(range(len(table.columns)), key=rank)[:room])
    return replace(table, columns=tuple(table.columns[i] for i in kept))
