"""Which number each table, column and question word has in one prompt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from squill.prompt.pruning import prune
from squill.prompt.slots.vocabulary import MAX_COLUMNS, MAX_TABLES, MAX_WORDS
from squill.prompt.words import Word, question_words

if TYPE_CHECKING:
    from squill.schema import Column, Schema, Table


@dataclass(frozen=True)
class Numbering:
    """Slots of one prompt. Numbers run upwards from the three ``first_…`` numbers.

    Training draws those at random, so that every slot's embedding is learned; everything else
    uses 1.
    """

    schema: Schema
    question: str
    first_table: int = 1
    first_column: int = 1
    first_word: int = 1

    @cached_property
    def words(self) -> tuple[Word, ...]:
        return tuple(question_words(self.question)[:MAX_WORDS])

    @cached_property
    def columns(self) -> tuple[tuple[Table, Column], ...]:
        """All columns in slot order, each with its table."""
        return tuple((t, c) for t in self.schema.tables for c in t.columns)

    def table(self, number: int) -> Table | None:
        index = number - self.first_table
        return self.schema.tables[index] if 0 <= index < len(self.schema.tables) else None

    def column(self, number: int) -> tuple[Table, Column] | None:
        index = number - self.first_column
        return self.columns[index] if 0 <= index < len(self.columns) else None

    def span(self, first: int, last: int) -> str | None:
        """The question's own text from word ``first`` to word ``last``, both included."""
        start, end = first - self.first_word, last - self.first_word
        if 0 <= start <= end < len(self.words):
            return self.question[self.words[start].start : self.words[end].end]
        return None

    def table_number(self, table: Table) -> int:
        return self.first_table + self.schema.tables.index(table)

    @cached_property
    def _column_numbers(self) -> dict[tuple[str, str], int]:
        return {
            (table.qualified_name.casefold(), column.name.casefold()): self.first_column + index
            for index, (table, column) in enumerate(self.columns)
        }

    def column_number(self, table: Table, column: str) -> int | None:
        return self._column_numbers.get((table.qualified_name.casefold(), column.casefold()))

    def find_span(self, text: str) -> tuple[int, int] | None:
        """Numbers of the first and last word of ``text`` in the question; case and space aside."""
        wanted = _squeeze(text)
        if not wanted:
            return None
        for start, word in enumerate(self.words):
            if not wanted.startswith(_squeeze(word.text)):
                continue
            for end in range(start, len(self.words)):
                found = _squeeze(self.question[word.start : self.words[end].end])
                if found == wanted:
                    return self.first_word + start, self.first_word + end
                if len(found) >= len(wanted):
                    break
        return None


def _squeeze(text: str) -> str:
    return "".join(text.casefold().split())


def number(schema: Schema, question: str) -> Numbering:
    """The numbering that is used wherever nothing is drawn at random."""
    fitted = prune(schema, question, max_tables=MAX_TABLES, max_columns=MAX_COLUMNS)
    return Numbering(fitted, question)
