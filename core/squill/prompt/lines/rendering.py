"""The text of a ``lines-1`` prompt: one line for each table, then what is asked, as comments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.prompt.plain import one_line
from squill.quoting import identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from squill.prompt.base import Example
    from squill.schema import Column, Schema, Table

DIALECT = "sqlite"
"""The model's own SQL dialect."""

LONGEST_COMMENT = 160
"""Characters of a column's comment that are shown; longer ones are prose."""

_TYPES = (
    ("bool", re.compile(r"\A(?:bool|bit\b(?!\s*varying))", re.IGNORECASE)),
    ("time", re.compile(r"timestamp|datetime|smalldatetime|\Atime\b", re.IGNORECASE)),
    ("date", re.compile(r"\Adate", re.IGNORECASE)),
    (
        "num",
        re.compile(
            r"\A(?:unsigned\s+)?(?:(?:tiny|small|medium|big|long|u)?int|integer|(?:small|big)?serial"
            r"|u?int\d|num|dec|float|double|real|(?:small)?money|byte\b|short|long\b|fixed|year)",
            re.IGNORECASE,
        ),
    ),
    ("json", re.compile(r"\A(?:json|variant|object|map|struct|array|super)", re.IGNORECASE)),
    ("blob", re.compile(r"\A(?:blob|bytea|binary|varbinary|image|raw)", re.IGNORECASE)),
)


def type_word(type_text: str) -> str:
    """``num``, ``text``, ``date``, ``time`` (with a time of day), ``bool``, ``json`` or ``blob``.

    Empty where the definition has no type.
    """
    if not type_text.strip():
        return ""
    return next((word for word, form in _TYPES if form.search(type_text)), "text")


def render_schema(schema: Schema) -> str:
    """One line for each table, each with its line break."""
    return "".join(f"{line}\n" for line in map(_Tables(schema).line, schema.tables))


@dataclass(frozen=True, slots=True)
class Request:
    """What stands behind the schema: optional known facts, examples and a statement to change."""

    question: str
    known: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    statement: str = ""


def render_request(request: Request) -> str:
    """The lines from the first fact to the question; the answer begins on the line after it."""
    return "".join(f"{line}\n" for line in _request_lines(request))


def _request_lines(request: Request) -> Iterator[str]:
    yield from (f"-- known: {one_line(fact)}" for fact in request.known)
    for example in request.examples:
        yield f"-- {one_line(example.question)}"
        yield example.sql
    if request.statement:
        yield request.statement
        yield f"-- change: {one_line(request.question)}"
    else:
        yield f"-- {one_line(request.question)}"


class _Tables:
    """Renders the tables of one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def line(self, table: Table) -> str:
        columns = ", ".join(self._column(table, column) for column in table.columns)
        return f"{source_name(table)}({columns}){_comment([table.comment])}"

    def _column(self, table: Table, column: Column) -> str:
        parts = [name_of(column), type_word(column.type), "key" if column.primary_key else ""]
        parts += self._references(table, column)
        return " ".join(part for part in parts if part) + _comment(
            [", ".join(column.values), column.comment]
        )

    def _references(self, table: Table, column: Column) -> Iterator[str]:
        for referred, referred_column in references(self._schema, table, column):
            yield f"-> {source_name(referred)}.{name_of(referred_column)}"


def references(schema: Schema, table: Table, column: Column) -> Iterator[tuple[Table, Column]]:
    """The columns that ``column`` refers to by a foreign key of ``table``, as far as they exist."""
    folded = column.name.casefold()
    for key in table.foreign_keys:
        own = [name.casefold() for name in key.columns]
        referred = schema.table(key.table)
        if folded not in own or referred is None:
            continue
        names: Sequence[str] = key.referenced_columns or [
            c.name for c in referred.columns if c.primary_key
        ]
        position = own.index(folded)
        target = referred.column(names[position]) if position < len(names) else None
        if target is not None:
            yield referred, target


def _comment(texts: Sequence[str]) -> str:
    """The texts as one comment, without what would end it."""
    joined = "; ".join(text for text in map(one_line, texts) if text)
    cut = joined.replace("*/", "* /")[:LONGEST_COMMENT].rstrip()
    return f" /* {cut} */" if cut else ""


def name_of(named: Column | Table) -> str:
    """A name as the model reads and writes it: in double quotes where SQLite needs them."""
    return one_line(identifier(named, DIALECT).sql(dialect=DIALECT))


def source_name(table: Table) -> str:
    """A table's name in a FROM clause, with its namespace."""
    return f"{table.namespace}.{name_of(table)}" if table.namespace else name_of(table)
