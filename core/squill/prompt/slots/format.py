"""The slot format as a `squill.prompt.PromptFormat`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.prompt.pruning import fits
from squill.prompt.slots.linking import word_links
from squill.prompt.slots.numbering import Numbering, number
from squill.prompt.slots.spelling import to_preview, to_sql
from squill.prompt.slots.target import to_target
from squill.prompt.slots.vocabulary import (
    ANSWER,
    FOREIGN_KEY,
    KEYWORDS,
    MAX_ALIASES,
    MAX_COLUMNS,
    MAX_TABLES,
    MAX_WORDS,
    PRIMARY_KEY,
    QUESTION,
    alias_token,
    column_token,
    table_token,
    type_marker,
    word_token,
)
from squill.prompt.terminals import TableTerminal, Terminals
from squill.prompt.words import identifier_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from squill.prompt.base import Example
    from squill.schema import Column, Schema, Table


class SlotsFormat:
    """``<t1> students<c1> name<text>…<q><w1> age<c2><w2> of…<q><w1><w2>…<t1><c1>…<a>``, answered
    by ``SELECT <c2> FROM <t1> WHERE <c1> = '<w3><w4>'``.

    Behind the question every slot stands once more: a decoder's token sees what stands before it,
    and those are the only ones that see both the whole question and the whole schema.

    A slot behind a question's word says that the word names it (`squill.prompt.slots.linking`).
    A pair of word slots is the question's text from the first to the last of them. A column
    belongs to the nearest FROM clause that names its table; a table that appears twice in one has
    aliases ``<a1>``, ``<a2>``. Names that the statement itself makes are spelled in double quotes.
    """

    id = "slots-2"
    dialect = "sqlite"
    adds_special_tokens = False
    stops: tuple[str, ...] = ()

    def fit(self, schema: Schema, question: str) -> Schema:
        return number(schema, question).schema

    def prefix(self, schema: Schema) -> str:
        whole = fits(schema, max_tables=MAX_TABLES, max_columns=MAX_COLUMNS)
        return render_schema(number(schema, "")) if whole else ""

    def prompt(self, schema: Schema, question: str, examples: Sequence[Example] = ()) -> str:
        """``examples`` are left out: the embedded model learns from adapters, not in context."""
        return render(number(schema, question))

    def target(self, sql: str, schema: Schema, question: str) -> str:
        numbering = number(schema, question)
        return to_target(sql, numbering, read=schema.dialect, write=self.dialect)

    def terminals(self, schema: Schema, question: str) -> Terminals:
        return slot_terminals(number(schema, question), self.dialect)

    def preview(self, written: str, schema: Schema, question: str) -> str:
        return to_preview(written, number(schema, question))

    def sql(self, target: str, schema: Schema, question: str) -> str:
        numbering = number(schema, question)
        return to_sql(target, numbering, read=self.dialect, write=schema.dialect)


def slot_terminals(numbering: Numbering, dialect: str) -> Terminals:
    """All slots that there are; those that the prompt does not show are hidden."""
    shown = {
        *_slots(table_token, numbering.first_table, len(numbering.schema.tables)),
        *_slots(column_token, numbering.first_column, len(numbering.columns)),
        *_slots(word_token, numbering.first_word, len(numbering.words)),
    }
    tables = _slots(table_token, 1, MAX_TABLES)
    columns = _slots(column_token, 1, MAX_COLUMNS)
    words = _slots(word_token, 1, MAX_WORDS)
    return Terminals(
        dialect,
        tuple(TableTerminal(t, "", columns if t == tables[0] else ()) for t in tables),
        exact=True,
        keywords=KEYWORDS,
        aliases=_slots(alias_token, 1, MAX_ALIASES),
        words=words,
        hidden=tuple(slot for slot in (*tables, *columns, *words) if slot not in shown),
        owners=tuple(_owners(numbering)),
        links=tuple(_links(numbering)),
    )


def _owners(numbering: Numbering) -> Iterator[tuple[str, str]]:
    column = numbering.first_column
    for index, table in enumerate(numbering.schema.tables):
        for _ in table.columns:
            yield column_token(column), table_token(numbering.first_table + index)
            column += 1


def _links(numbering: Numbering) -> Iterator[tuple[str, str]]:
    for table in numbering.schema.tables:
        for key in table.foreign_keys:
            if (referred := numbering.schema.table(key.table)) is not None:
                pair = (numbering.table_number(table), numbering.table_number(referred))
                yield table_token(pair[0]), table_token(pair[1])


def _slots(token: Callable[[int], str], first: int, count: int) -> tuple[str, ...]:
    return tuple(token(number) for number in range(first, first + count))


def render(numbering: Numbering, *, fewest: int = 0) -> str:
    """The whole prompt of a numbering; ``fewest`` is for `word_links`."""
    linked = zip(numbering.words, word_links(numbering, fewest=fewest), strict=True)
    words = "".join(
        f"{word_token(numbering.first_word + i)} {word.text.lower()}{links}"
        for i, (word, links) in enumerate(linked)
    )
    return f"{render_schema(numbering)}{QUESTION}{words}{QUESTION}{_echo(numbering)}{ANSWER}"


def _echo(numbering: Numbering) -> str:
    """All slots of the prompt: words, then each table with its columns."""
    words = (word_token(numbering.first_word + i) for i in range(len(numbering.words)))
    parts = ["".join(words)]
    column = numbering.first_column
    for index, table in enumerate(numbering.schema.tables):
        parts.append(table_token(numbering.first_table + index))
        parts += (column_token(column + i) for i in range(len(table.columns)))
        column += len(table.columns)
    return "".join(parts)


def render_schema(numbering: Numbering) -> str:
    parts = []
    column_number = numbering.first_column
    for index, table in enumerate(numbering.schema.tables):
        parts.append(table_token(numbering.first_table + index) + _name(table.name))
        for column in table.columns:
            parts.append(column_token(column_number) + _name(column.name))
            parts.append(type_marker(column) + _keys(table, column, numbering))
            column_number += 1
    return "".join(parts)


def _name(name: str) -> str:
    return "".join(f" {word}" for word in identifier_words(name))


def _keys(table: Table, column: Column, numbering: Numbering) -> str:
    text = PRIMARY_KEY if column.primary_key else ""
    for key in table.foreign_keys:
        names = [name.casefold() for name in key.columns]
        if column.name.casefold() not in names:
            continue
        referred = _referred_column(key.table, key.referenced_columns, names, column, numbering)
        if referred is not None:
            text += FOREIGN_KEY + column_token(referred)
    return text


def _referred_column(
    name: str, columns: tuple[str, ...], own: list[str], column: Column, numbering: Numbering
) -> int | None:
    table = numbering.schema.table(name)
    if table is None:
        return None
    referred = columns or tuple(c.name for c in table.columns if c.primary_key)
    index = own.index(column.name.casefold())
    return numbering.column_number(table, referred[index]) if index < len(referred) else None
