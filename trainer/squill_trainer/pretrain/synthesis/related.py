"""Questions over two made-up tables of the commonest kind: people or things, and what they have.

Most of them ask for one of the two alone, in few words, so that a table beside it is no reason to
join it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.prompt.words import stem
from squill.schema import Column, ForeignKey, Schema, Table
from squill_trainer.pretrain.synthesis import single_table, two_tables
from squill_trainer.pretrain.synthesis.drawing import (
    Drawer,
    Question,
    is_number,
    plain,
    plural,
    quoted,
    words,
)
from squill_trainer.pretrain.synthesis.narrowed import condition, narrowed, narrowing_columns

if TYPE_CHECKING:
    from random import Random

    from squill_trainer.pretrain.corpus import Values
    from squill_trainer.pretrain.synthesis.two_tables import Joined

# Table: the columns beside its key and the reference.
_CHILDREN = {
    "orders": "ordered_on DATE, amount REAL, status TEXT, quantity INTEGER",
    "payments": "paid_on DATE, amount REAL, method TEXT",
    "bookings": "booked_on DATE, price REAL, status TEXT, nights INTEGER",
    "invoices": "due_date DATE, total REAL, status TEXT",
    "reviews": "written_on DATE, rating INTEGER, title TEXT",
    "visits": "visit_date DATE, duration INTEGER, reason TEXT",
    "repairs": "repaired_on DATE, cost REAL, mechanic TEXT",
    "tickets": "opened_at TIMESTAMP, priority TEXT, status TEXT, price REAL",
    "loans": "start_date DATE, amount REAL, kind TEXT",
    "exams": "taken_on DATE, score REAL, subject TEXT",
    "deliveries": "delivered_on DATE, weight REAL, city TEXT",
    "contracts": "signed_on DATE, salary REAL, department TEXT",
}
_AGGREGATES = (("SUM", "total"), ("AVG", "average"), ("MAX", "highest"), ("MIN", "lowest"))


def with_child(parent: Table, rng: Random) -> Schema | None:
    """``parent`` and a table that refers to its key; None where it has none."""
    key = next((column for column in parent.columns if column.primary_key), None)
    if key is None:
        return None
    child = rng.choice(tuple(_CHILDREN))
    singular = stem(parent.name)
    reference = Column(rng.choice((f"{singular}_id", f"{singular}_id", singular)), "INTEGER")
    given = (text.split() for text in _CHILDREN[child].split(", "))
    key_column = Column("id", "INTEGER", primary_key=True)
    columns = (key_column, reference, *(Column(name, kind) for name, kind in given))
    foreign = ForeignKey((reference.name,), parent.name, (key.name,))
    tables = [parent, Table(child, columns, foreign_keys=(foreign,))]
    rng.shuffle(tables)
    return Schema(tuple(tables))


def draw_related(schema: Schema, parent: str, values: Values, rng: Random) -> Question | None:
    """A question on a schema of `with_child` that is about more than one row of ``parent``."""
    joined = two_tables.joins(schema, values, rng)
    child = next(table for table in schema.tables if table.name != parent)
    draw = Drawer(child, values, rng)
    kind = rng.random()
    if kind < 0.3:
        return _short(Drawer(rng.choice(schema.tables), values, rng))
    if kind < 0.45:
        return narrowed(draw, columns, None) if (columns := narrowing_columns(child)) else None
    if kind < 0.6:
        return rng.choice(single_table.MAKERS)(draw)
    if kind < 0.8:
        return rng.choice(two_tables.MAKERS)(rng.choice(joined))
    return _of_some(rng.choice(joined))


def _short(draw: Drawer) -> Question | None:
    """ "names of customers", "customer names", "all customers"."""
    columns = draw.columns(plain, draw.rng.randint(1, 2))
    if columns is None:
        return None
    named = " and ".join(draw.pick(words(c), plural(words(c))) for c in columns)
    noun = draw.noun()
    kind = draw.rng.random()
    if kind < 0.25:
        said = draw.pick("all {}", "{}", "the {}", "show the {}", "list {}", "every row of {}")
        return Question(said.format(noun), f"SELECT * FROM {draw.name}")
    if kind < 0.4:
        said = draw.pick("number of {}", "how many {}", "count {}", "count of {}", "{} count")
        return Question(said.format(noun), f"SELECT COUNT(*) FROM {draw.name}")
    text = draw.pick(
        "{} of {}", "{} of the {}", "{} of all {}", "the {} of {}", "list the {} of {}",
        "show {} for all {}",
    ).format(named, noun)  # fmt: skip
    return Question(text, f"SELECT {', '.join(quoted(c.name) for c in columns)} FROM {draw.name}")


def _of_some(join: Joined) -> Question | None:
    """ "orders of customers in Berlin": how many there are, or how much."""
    columns = narrowing_columns(join.parent.table)
    if not columns:
        return None
    said, sql = condition(join.parent, join.parent.rng.choice(columns))
    where = f"{join.clause} WHERE {join.parent.name}.{sql}"
    draw, whose = join.child, f"{join.child.noun()} of {join.parent.noun()} {said}"
    numbers = [c for c in draw.table.columns if is_number(c)]
    if not numbers or draw.rng.random() < 0.4:
        text = draw.pick("number of {}", "How many {} are there?", "count the {}").format(whose)
        return Question(text, f"SELECT COUNT(*) {where}")
    function, name = draw.rng.choice(_AGGREGATES)
    number = draw.rng.choice(numbers)
    text = draw.pick("", "the ", "what is the ") + f"{name} {words(number)} of {whose}"
    return Question(text, f"SELECT {function}({join.of(draw, number)}) {where}")
