"""Random pieces of questions over one table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from squill.prompt.words import identifier_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from squill.schema import Column, Table
    from squill_trainer.pretrain.corpus import Values

_NUMERIC = re.compile(r"INT|REAL|FLOA|DOUB|NUM|DEC", re.IGNORECASE)
DATE = re.compile(r"DATE|TIME", re.IGNORECASE)
_NAMELIKE = {"name", "title", "player", "team", "club", "city", "country", "driver", "artist"}
COUNTS = ("three", "five", "ten", "3", "5", "10", "20")
COUNT_VALUES = {"three": 3, "five": 5, "ten": 10}


@dataclass(frozen=True, slots=True)
class Question:
    """A question in words and its answer in SQLite."""

    text: str
    sql: str


class Drawer:
    """Random pieces of questions over one table; ``values`` are texts that may stand as values."""

    def __init__(self, table: Table, values: Values, rng: Random) -> None:
        self.table = table
        self.rng = rng
        self._values = values

    def pick(self, *choices: str) -> str:
        return self.rng.choice(choices)

    @property
    def name(self) -> str:
        return quoted(self.table.name)

    def noun(self) -> str:
        """The table in words, mostly as a plural."""
        words = " ".join(identifier_words(self.table.name)) or "rows"
        return words if self.rng.random() < 0.2 else plural(words)

    def columns(self, kind: Callable[[Column], bool], count: int = 1) -> list[Column] | None:
        fitting = [c for c in self.table.columns if kind(c) and identifier_words(c.name)]
        return self.rng.sample(fitting, count) if len(fitting) >= count else None

    def text(self) -> Column | None:
        found = self.columns(is_text)
        return found[0] if found else None

    def label(self) -> Column | None:
        """The column that names a row: "name", "title" and the like, else the first text."""
        texts = [c for c in self.table.columns if is_text(c)]
        named = [c for c in texts if _NAMELIKE & set(identifier_words(c.name))]
        return next(iter(named or texts), None)

    def number(self) -> Column | None:
        found = self.columns(is_number)
        return found[0] if found else None

    def value(self, column: Column) -> str:
        return self._values.draw(column, self.rng)

    def amount(self) -> int:
        return self.rng.choice((self.rng.randint(1, 30), self.rng.randint(1, 999) * 10))


def plural(words: str) -> str:
    if words.endswith("s"):
        return words
    if words.endswith("y") and words[-2:-1] not in "aeiou":
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith(("ch", "sh", "x")) else f"{words}s"


def is_text(column: Column) -> bool:
    return not _NUMERIC.search(column.type) and not DATE.search(column.type) and plain(column)


def is_number(column: Column) -> bool:
    words = identifier_words(column.name)
    return bool(_NUMERIC.search(column.type)) and plain(column) and "id" not in words


def plain(column: Column) -> bool:
    return not column.primary_key or "id" not in identifier_words(column.name)


def quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql(dialect="sqlite")


def literal(text: str) -> str:
    return exp.Literal.string(text).sql(dialect="sqlite")


def words(column: Column) -> str:
    return " ".join(identifier_words(column.name))


def listed(columns: Sequence[Column], rng: Random) -> str:
    names = [words(c) for c in columns]
    if len(names) == 1:
        return names[0]
    joint = rng.choice((" and ", ", and ", ", ", " and the "))
    return ", ".join(names[:-1]) + joint + names[-1]
