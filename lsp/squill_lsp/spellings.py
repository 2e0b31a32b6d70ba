"""The names of a schema as candidates, and how each is written in its dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.binding.functions import FUNCTIONS
from squill.quoting import identifier

if TYPE_CHECKING:
    from squill.schema import Column, Schema, Table


class Spellings:
    def __init__(self, schema: Schema) -> None:
        self._dialect = schema.dialect
        self.tables = [table.name for table in schema.tables]
        self._named: dict[str, Column | Table] = {}
        for table in schema.tables:
            self._named.setdefault(table.name, table)
            for column in table.columns:
                self._named.setdefault(column.name, column)

    @property
    def names(self) -> list[str]:
        """Tables and columns."""
        return list(self._named)

    @property
    def functions(self) -> list[str]:
        """Those of the dialect, where they are known."""
        return sorted(FUNCTIONS.get(self._dialect, ()))

    def written(self, name: str) -> str:
        """In quotes where the dialect needs them."""
        named = self._named.get(name)
        return identifier(named, self._dialect).sql(dialect=self._dialect) if named else name
