"""Made-up schemas and questions about them, all of a generator and its seed. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

_NOUN_TEXT = """
customer order product supplier invoice payment employee department shipment warehouse student
teacher course room exam book author publisher loan reader hotel guest booking flight airport
airline ticket passenger doctor patient visit ward drug recipe ingredient restaurant dish review
player team match stadium league song album artist concert festival film actor director cinema
screening city country region river museum exhibit visitor farm crop field tractor garden engine
vehicle driver route station garage contract project task machine sensor meter bridge
"""
NOUNS = tuple(_NOUN_TEXT.split())

_TEXTS = "name title city country status category color brand email language grade kind"
_NUMBERS = "price amount weight height rating score capacity length distance salary stock duration"
_DATES = "created_at birth_date start_date end_date due_date updated_at"
_VALUES = ("Paris", "Lisbon", "Oslo", "Kyoto", "red", "blue", "open", "closed", "north", "gold")


@dataclass(frozen=True)
class TableDesign:
    """``columns`` are (name, type) beside the key ``id``; ``parent`` is the noun referred to."""

    noun: str
    columns: tuple[tuple[str, str], ...]
    parent: str = ""

    @property
    def name(self) -> str:
        return plural(self.noun)

    def of_type(self, kind: str) -> list[str]:
        return [name for name, its in self.columns if its == kind]

    @property
    def ddl(self) -> str:
        lines = ["id INTEGER PRIMARY KEY", *(f"{name} {kind}" for name, kind in self.columns)]
        if self.parent:
            lines.append(f"{self.parent}_id INTEGER REFERENCES {plural(self.parent)}(id)")
        return f"CREATE TABLE {self.name} (\n  " + ",\n  ".join(lines) + "\n);\n"


@dataclass(frozen=True)
class Design:
    """A schema as it stands in a file."""

    tables: tuple[TableDesign, ...]

    @property
    def ddl(self) -> str:
        return "-- dialect: sqlite\n\n" + "\n".join(table.ddl for table in self.tables)


def plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def draw_design(tables: int, rng: Random) -> Design:
    """A schema of that many tables (at most as many as there are nouns); about half refer."""
    drawn: list[TableDesign] = []
    for noun in rng.sample(NOUNS, tables):
        parent = rng.choice(drawn).noun if drawn and rng.random() < 0.6 else ""
        drawn.append(TableDesign(noun, _draw_columns(rng), parent))
    return Design(tuple(drawn))


def _draw_columns(rng: Random) -> tuple[tuple[str, str], ...]:
    """The first text is always there, so that each table has something to ask for."""
    texts = ["name", *rng.sample(sorted(set(_TEXTS.split()) - {"name"}), rng.randint(1, 3))]
    columns = [(name, "TEXT") for name in texts]
    columns += [(name, "REAL") for name in rng.sample(_NUMBERS.split(), rng.randint(1, 3))]
    columns += [(name, "DATE") for name in rng.sample(_DATES.split(), rng.randint(0, 2))]
    return tuple(columns)


def draw_edit(design: Design, rng: Random) -> Design:
    """The schema after an edit: a column more, a column less, another name, or a table more."""
    at = rng.randrange(len(design.tables))
    table = design.tables[at]
    kind = rng.choice(("add", "drop", "rename", "table"))
    unused = [noun for noun in NOUNS if all(t.noun != noun for t in design.tables)]
    if kind == "table" and unused:
        added = TableDesign(rng.choice(unused), _draw_columns(rng), table.noun)
        return Design((*design.tables, added))
    if kind == "drop" and len(table.columns) > 2:
        changed = replace(table, columns=table.columns[:-1])
    elif kind == "rename":
        (name, its), *others = reversed(table.columns)
        changed = replace(table, columns=(*reversed(others), (f"old_{name}", its)))
    else:
        name = f"{rng.choice(('net', 'gross', 'last', 'first'))}_{rng.choice(_NUMBERS.split())}"
        changed = replace(table, columns=(*table.columns, (name, "REAL")))
    return Design((*design.tables[:at], changed, *design.tables[at + 1 :]))


def questions(design: Design, rng: Random) -> Iterator[str]:
    """Endless questions on a schema, no two alike."""
    known: set[str] = set()
    while True:
        question = _draw_question(rng.choice(design.tables), rng)
        if question not in known:
            known.add(question)
            yield question


def _draw_question(table: TableDesign, rng: Random) -> str:
    text, other = rng.choice(table.of_type("TEXT")), rng.choice(table.of_type("TEXT"))
    number = rng.choice(table.of_type("REAL")).replace("_", " ")
    value, limit, count = rng.choice(_VALUES), rng.randint(2, 980), rng.randint(2, 40)
    forms = [
        f"{text} of all {table.name} in {other} {value}",
        f"how many {table.name} have {number} above {limit}",
        f"average {number} of {table.name} per {text} below {limit}",
        f"top {count} {table.name} by {number}",
        f"{text} and {number} of {table.name} with {other} {value}",
        f"number of {table.name} per {text}, only those over {limit}",
    ]
    if table.parent:
        forms.append(f"{text} of the {count} {table.name} and the name of their {table.parent}")
        forms.append(f"total {number} of {table.name} per {table.parent} over {limit}")
    if dates := table.of_type("DATE"):
        said, year = dates[0].replace("_", " "), rng.randint(1990, 2025)
        forms.append(f"{table.name} with {said} after {year}-0{count % 9 + 1}-01")
    return rng.choice(forms)
