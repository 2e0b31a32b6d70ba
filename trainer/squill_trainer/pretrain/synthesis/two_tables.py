"""Questions on two tables that a foreign key joins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.prompt.words import identifier_words
from squill_trainer.pretrain.synthesis.drawing import (
    COUNT_VALUES,
    COUNTS,
    Drawer,
    Question,
    literal,
    plain,
    quoted,
    words,
)

if TYPE_CHECKING:
    from random import Random

    from squill.schema import Column, Schema
    from squill_trainer.pretrain.corpus import Values


@dataclass(frozen=True, slots=True)
class Joined:
    """``child`` refers to ``parent``; ``on`` is the join condition."""

    child: Drawer
    parent: Drawer
    on: str

    @property
    def clause(self) -> str:
        return f"FROM {self.child.name} JOIN {self.parent.name} ON {self.on}"

    def of(self, draw: Drawer, column: Column) -> str:
        return f"{draw.name}.{quoted(column.name)}"


def joins(schema: Schema, values: Values, rng: Random) -> list[Joined]:
    found = []
    for table in schema.tables:
        for key in table.foreign_keys:
            parent = schema.table(key.table)
            if parent is None or parent is table or len(key.columns) != 1:
                continue
            referred = key.referenced_columns or tuple(
                c.name for c in parent.columns if c.primary_key
            )
            child_draw, parent_draw = Drawer(table, values, rng), Drawer(parent, values, rng)
            if len(referred) == 1 and parent.column(referred[0]) and table.column(key.columns[0]):
                on = (
                    f"{child_draw.name}.{quoted(key.columns[0])} = "
                    f"{parent_draw.name}.{quoted(referred[0])}"
                )
                found.append(Joined(child_draw, parent_draw, on))
    return found


def _joined_filter(join: Joined) -> Question | None:
    label = join.parent.label()
    columns = join.child.columns(plain, 1)
    if label is None or columns is None:
        return None
    value = join.parent.value(label)
    noun = " ".join(identifier_words(join.parent.table.name))
    text = join.child.pick(
        f"{words(columns[0])} of the {join.child.noun()} of {value}",
        f"Which {words(columns[0])} do the {join.child.noun()} of the {noun} {value} have?",
        f"List the {words(columns[0])} of {join.child.noun()} "
        f"whose {noun} {words(label)} is {value}",
        f"Show {words(columns[0])} for all {join.child.noun()} with {noun} {value}",
    )
    picked = join.of(join.child, columns[0])
    where = f"{join.of(join.parent, label)} = {literal(value)}"
    return Question(text, f"SELECT {picked} {join.clause} WHERE {where}")


def _joined_list(join: Joined) -> Question | None:
    columns, label = join.child.columns(plain, 1), join.parent.label()
    if columns is None or label is None:
        return None
    noun = " ".join(identifier_words(join.parent.table.name))
    text = join.child.pick("Show", "List", "Find") + (
        f" the {words(columns[0])} of each {join.child.noun()} and the {words(label)} of its {noun}"
    )
    picked = f"{join.of(join.child, columns[0])}, {join.of(join.parent, label)}"
    return Question(text, f"SELECT {picked} {join.clause}")


def _joined_group(join: Joined) -> Question | None:
    label, number, rng = join.parent.label(), join.child.number(), join.child.rng
    if label is None:
        return None
    name = join.of(join.parent, label)
    noun = " ".join(identifier_words(join.parent.table.name))
    if number is not None and rng.random() < 0.6:
        function, said = rng.choice((("SUM", "total"), ("AVG", "average"), ("MAX", "highest")))
        value = f"{function}({join.of(join.child, number)})"
        subject = f"{said} {words(number)}"
    else:
        value, subject = "COUNT(*)", join.child.pick("number of ", "") + join.child.noun()
    if rng.random() < 0.5:
        text = join.child.pick(
            f"{subject} per {noun}", f"Show the {subject} for each {noun} {words(label)}"
        )
        return Question(text, f"SELECT {name}, {value} {join.clause} GROUP BY {name}")
    count = join.child.pick(*COUNTS)
    text = join.child.pick(
        f"top {count} {join.parent.noun()} by {subject}",
        f"the {count} {join.parent.noun()} with the most {subject}",
        f"Which {count} {join.parent.noun()} have the highest {subject}?",
    )
    order = f"ORDER BY {value} DESC LIMIT {COUNT_VALUES.get(count) or count}"
    return Question(text, f"SELECT {name} {join.clause} GROUP BY {name} {order}")


def _joined_count(join: Joined) -> Question | None:
    label = join.parent.label()
    if label is None:
        return None
    value = join.parent.value(label)
    noun = " ".join(identifier_words(join.parent.table.name))
    text = join.child.pick(
        f"How many {join.child.noun()} does {value} have?",
        f"How many {join.child.noun()} does the {noun} {value} have?",
        f"Count the {join.child.noun()} of {value}",
    )
    where = f"{join.of(join.parent, label)} = {literal(value)}"
    return Question(text, f"SELECT COUNT(*) {join.clause} WHERE {where}")


def _unmatched(join: Joined) -> Question | None:
    label = join.parent.label()
    if label is None:
        return None
    own, referred = join.on.split(" = ")
    text = join.child.pick(
        f"{join.parent.noun()} without {join.child.noun()}",
        f"Which {join.parent.noun()} have no {join.child.noun()}?",
        f"Find the {words(label)} of {join.parent.noun()} that do not have any {join.child.noun()}",
    )
    inner = f"SELECT {own} FROM {join.child.name}"
    return Question(
        text,
        f"SELECT {quoted(label.name)} FROM {join.parent.name} WHERE NOT {referred} IN ({inner})",
    )


MAKERS = (
    _joined_filter, _joined_filter, _joined_list, _joined_group, _joined_group, _joined_count,
    _unmatched,
)  # fmt: skip
"""Each as often as it is listed."""
