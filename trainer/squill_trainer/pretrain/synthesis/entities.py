"""Questions that name a row and not the column that holds its name: "How old is Ann Lee?".

Over made-up tables of the kind that many databases have. They teach which column a person's or a
thing's name stands in, and what "how old" or "where from" asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.schema import Column, Schema, Table
from squill_trainer.pretrain.synthesis.drawing import Drawer, Question, listed, literal, quoted
from squill_trainer.pretrain.synthesis.narrowed import narrowed, narrowing_columns
from squill_trainer.pretrain.synthesis.related import draw_related, with_child

if TYPE_CHECKING:
    from random import Random

    from squill_trainer.pretrain.corpus import Values

_GIVEN_TEXT = """
Ann Boris Chen Dmitri Elena Farid Grace Hiroshi Ingrid Juan Kwame Lucia Mei Nadia Omar Priya Quentin
Rosa Sven Tariq Uma Viktor Wei Xiaoming Yuki Zanele Li Zhang Min Jun Hui Ming Sofia Liam Emma Noah
Olivia Peter Maria David Sarah Thomas Julia Marco Aisha Ivan Hanna Diego Fatima Lars Anjali Kofi
"""
_FAMILY_TEXT = """
Lee Novak Wu Petrov Garcia Khan Johnson Tanaka Larsen Lopez Mensah Rossi Lin Haddad Hassan Sharma
Dubois Silva Berg Aziz Patel Orlov Zhao Liu Mori Dlamini Huang Yang Xu Sun Ma Guo He Smith Brown
Miller Davis Wilson Moore Clark Lewis Young King Wright Scott Baker Adams Nelson Carter Rivera Kim
"""
_GIVEN, _FAMILY = _GIVEN_TEXT.split(), _FAMILY_TEXT.split()

_PEOPLE = "students employees customers players teachers members users patients authors drivers"
_THINGS = "products books films cities countries movies albums companies restaurants hotels"

# Column, type, wordings; {0} is the row's name.
_ABOUT_PEOPLE = (
    ("age", "INTEGER", ("How old is {0}?", "how old is {0}", "What age is {0}?", "age of {0}")),
    ("height", "REAL", ("How tall is {0}?", "how tall is {0}", "What is the height of {0}?")),
    ("weight", "REAL", ("How heavy is {0}?", "How much does {0} weigh?", "weight of {0}")),
    ("salary", "REAL", ("How much does {0} earn?", "What is {0} paid?", "salary of {0}")),
    ("city", "TEXT", ("Where does {0} live?", "Which city does {0} live in?", "city of {0}")),
    ("country", "TEXT", ("Which country is {0} from?", "What country does {0} come from?")),
    ("school", "TEXT", ("Which school did {0} come from?", "Which school does {0} go to?",
                        "What school did {0} attend?", "where did {0} go to school")),
    ("grade", "TEXT", ("Which grade is {0} in?", "What grade did {0} get?", "grade of {0}")),
    ("department", "TEXT", ("Which department does {0} work in?", "Where does {0} work?")),
    ("email", "TEXT", ("What is the email of {0}?", "email address of {0}", "how do I reach {0}")),
    ("birth_date", "DATE", ("When was {0} born?", "birthday of {0}", "date of birth of {0}")),
    ("hire_date", "DATE", ("When was {0} hired?", "When did {0} start?")),
    ("phone", "TEXT", ("What is {0}'s phone number?", "telephone number of {0}")),
    ("team", "TEXT", ("Which team does {0} play for?", "What team is {0} on?")),
    ("position", "TEXT", ("What position does {0} play?", "what is the position of {0}")),
    ("gender", "TEXT", ("What gender is {0}?",)),
)  # fmt: skip
_ABOUT_THINGS = (
    ("price", "REAL", ("How much does {0} cost?", "How expensive is {0}?", "price of {0}")),
    ("population", "INTEGER", ("How many people live in {0}?", "How many inhabitants has {0}?")),
    ("year", "INTEGER", ("When did {0} come out?", "What year is {0} from?", "year of {0}")),
    ("author", "TEXT", ("Who wrote {0}?", "Who is the author of {0}?")),
    ("director", "TEXT", ("Who directed {0}?", "director of {0}")),
    ("category", "TEXT", ("What kind of thing is {0}?", "What category is {0} in?")),
    ("stock", "INTEGER", ("How many of {0} are left?", "How many {0} are in stock?")),
    ("area", "REAL", ("How large is {0}?", "How big is {0}?", "area of {0}")),
    ("country", "TEXT", ("Which country is {0} in?", "Where is {0}?")),
    ("rating", "REAL", ("How good is {0}?", "What rating does {0} have?")),
    ("length", "REAL", ("How long is {0}?", "how long is {0}")),
    ("owner", "TEXT", ("Who owns {0}?", "owner of {0}")),
)
_EXTREMES = (("oldest", "age", " DESC"), ("youngest", "age", ""), ("tallest", "height", " DESC"),
             ("heaviest", "weight", " DESC"), ("most expensive", "price", " DESC"),
             ("cheapest", "price", ""), ("largest", "area", " DESC"))  # fmt: skip
_ALL = (
    "Query all information about {0}.", "Show everything about {0}", "all about {0}",
    "Give me all details of {0}", "Everything we know of {0}", "Find {0}",
)  # fmt: skip
_SOME = (
    "Query {0}'s {1} information.", "Show {0}'s {1}", "What are the {1} of {0}?", "{1} of {0}",
    "Query {0}'s {1}", "What is {0}'s {1}?", "List the {1} for {0}", "{0}'s {1}",
)  # fmt: skip


_RELATED = 0.75
"""Of the tables that have a key."""


def draw_entity(values: Values, rng: Random) -> tuple[Schema, Question]:
    """A made-up table with others beside it at times, and a question about some of its rows.

    Where a table beside it refers to it, the question may be about both, or about that alone.
    """
    people = rng.random() < 0.7
    kinds = _ABOUT_PEOPLE if people else _ABOUT_THINGS
    table, chosen, label = _table(kinds, (_PEOPLE if people else _THINGS).split(), rng)
    draw = Drawer(table, values, rng)
    value = _person(rng) if people else values.draw(label, rng)
    question = _question(draw, chosen, label, value)
    if (schema := with_child(table, rng)) and rng.random() < _RELATED:
        about_more = draw_related(schema, table.name, values, rng) if rng.random() < 0.7 else None
        return schema, about_more or question
    others = [_table(_ABOUT_THINGS, _THINGS.split(), rng)[0]] if rng.random() < 0.15 else []
    tables = [table, *(t for t in others if t.name != table.name)]
    rng.shuffle(tables)
    return Schema(tuple(tables)), question


def _person(rng: Random) -> str:
    names = [rng.choice(_GIVEN), rng.choice(_FAMILY)]
    if rng.random() < 0.4:
        names.reverse()
    return " ".join(names if rng.random() < 0.85 else names[:1])


def _table(
    kinds: tuple[tuple[str, str, tuple[str, ...]], ...], names: list[str], rng: Random
) -> tuple[Table, list[tuple[Column, tuple[str, ...]]], Column]:
    """A table, its columns with their wordings, and the column that names a row."""
    label = Column(rng.choice(("name", "name", "title", "full_name")), "TEXT")
    picked = rng.sample(kinds, rng.randint(3, 7))
    chosen = [(Column(name, kind), wordings) for name, kind, wordings in picked]
    own = [label, *(column for column, _ in chosen)]
    if rng.random() < 0.25:
        rng.shuffle(own)
    if rng.random() < 0.7:
        own.insert(0, Column("id", "INTEGER", primary_key=True))
    return Table(rng.choice(names), tuple(own)), chosen, label


def _question(
    draw: Drawer, chosen: list[tuple[Column, tuple[str, ...]]], label: Column, value: str
) -> Question:
    rng = draw.rng
    where = f" FROM {draw.name} WHERE {quoted(label.name)} = {literal(value)}"
    narrowing = narrowing_columns(draw.table)
    if narrowing and rng.random() < 0.3:
        return narrowed(draw, narrowing, label)
    kind = rng.random()
    if kind < 0.45:
        column, wordings = rng.choice(chosen)
        return Question(rng.choice(wordings).format(value), f"SELECT {quoted(column.name)}{where}")
    if kind < 0.55:
        return Question(rng.choice(_ALL).format(value), f"SELECT *{where}")
    if kind < 0.85:
        columns = [c for c, _ in rng.sample(chosen, rng.randint(1, min(3, len(chosen))))]
        columns = ([label] if rng.random() < 0.4 else []) + columns
        columns = [label] if rng.random() < 0.1 else columns
        text = rng.choice(_SOME).format(value, listed(columns, rng))
        return Question(text, f"SELECT {', '.join(quoted(c.name) for c in columns)}{where}")
    return _count_or_extreme(draw, chosen, label)


def _count_or_extreme(
    draw: Drawer, chosen: list[tuple[Column, tuple[str, ...]]], label: Column
) -> Question:
    rng = draw.rng
    fitting = [e for e in _EXTREMES if any(c.name == e[1] for c, _ in chosen)]
    if fitting and rng.random() < 0.5:
        said, measure, direction = rng.choice(fitting)
        text = draw.pick(f"Who is the {said}?", f"the {said} of the {draw.noun()}", f"{said} one")
        order = f"ORDER BY {quoted(measure)}{direction} LIMIT 1"
        return Question(text, f"SELECT {quoted(label.name)} FROM {draw.name} {order}")
    texts = [c for c, _ in chosen if c.type == "TEXT"]
    if not texts:
        return Question(f"How many {draw.noun()} are there?", f"SELECT COUNT(*) FROM {draw.name}")
    column = rng.choice(texts)
    value = draw.value(column)
    text = draw.pick(
        f"How many {draw.noun()} are from {value}?",
        f"Count how many {draw.noun()} there are in {value}.",
        f"How many {draw.noun()} are in {column.name.replace('_', ' ')} {value}?",
        f"Count how many {draw.noun()} there are in {value} {column.name.replace('_', ' ')}.",
    )
    condition = f"{quoted(column.name)} = {literal(value)}"
    return Question(text, f"SELECT COUNT(*) FROM {draw.name} WHERE {condition}")
