"""What the answers of a prompt format are made of, for whoever constrains a decoder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from squill.quoting import identifier

if TYPE_CHECKING:
    from squill.schema import Schema


@dataclass(frozen=True, slots=True)
class TableTerminal:
    """One table as an answer writes it.

    ``source`` stands in a FROM clause, ``qualifier`` before a column's dot (empty where the
    format writes none there); ``columns`` are written as they stand.
    """

    source: str
    qualifier: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terminals:
    """The names and literals that one prompt allows.

    ``exact``: keywords have the case and the spaces of sqlglot's generator, and nothing else; each
    slot, and each of ``keywords`` that the tokenizer has as a token of its own, is that one token.
    ``aliases``: the only table aliases, or empty where any identifier will do.
    ``words``: the question's word slots in order; a pair of them, never backwards, is a literal.
    ``hidden``: slots among all these that this prompt does not show; ``owners``: the column slots
    that it shows, each with its table's; ``links``: table slots, each with one that a foreign key
    of it refers to. What differs from prompt to prompt is in these three alone, so that one grammar
    does for all.
    ``question``: string literals are words of it, spelled or as slots; None where they are free.
    ``stops``: texts that a model may write behind its answer instead of an end token.
    """

    dialect: str
    tables: tuple[TableTerminal, ...]
    exact: bool = False
    keywords: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    owners: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    question: str | None = None
    stops: tuple[str, ...] = ()


@lru_cache(maxsize=8)
def spelled(schema: Schema, dialect: str) -> tuple[TableTerminal, ...]:
    """The tables of a schema under their own names, quoted where ``dialect`` needs it."""
    found = []
    for table in schema.tables:
        name = identifier(table, dialect).sql(dialect=dialect)
        columns = tuple(identifier(c, dialect).sql(dialect=dialect) for c in table.columns)
        source = f"{table.namespace}.{name}" if table.namespace else name
        found.append(TableTerminal(source, name, columns))
    return tuple(found)
