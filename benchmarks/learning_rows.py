"""Rows for a business: made up, the same at every run and on every machine.

``rows.json`` says for each table how many, and for each column what to draw from: a list, or a map
with ``between`` (numbers; ``decimals``, 0 if absent) or ``dates`` (first and last day). ``blank``
n leaves every n-th empty, in the long run. A primary key counts from 1; a foreign key that is not
mentioned refers to any row. Columns are drawn independently of one another. ``seed`` is one with
which near misses of the questions' queries give other results.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from learning_data import Business
    from squill.schema import Column, Table


def make_database(business: Business, path: Path) -> None:
    """Write the business's tables and rows to a new SQLite file."""
    plan = json.loads((business.folder / "rows.json").read_text(encoding="utf-8"))
    draw = _Draw(str(plan["seed"]), plan["tables"])
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(business.ddl)
        for table in business.schema.tables:
            marks = ", ".join("?" for _ in table.columns)
            connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", draw.rows(table))
        connection.commit()


class _Draw:
    """Values by hash of a place and the seed: no library's generator has a say in them."""

    def __init__(self, seed: str, plan: Mapping[str, Any]) -> None:
        self._seed = seed
        self._plan = plan

    def rows(self, table: Table) -> list[list[Any]]:
        count = self._plan[table.name]["rows"]
        return [
            [self._value(table, column, row) for column in table.columns] for row in range(count)
        ]

    def _value(self, table: Table, column: Column, row: int) -> Any:
        if column.primary_key:
            return row + 1
        source = self._plan[table.name]["columns"].get(column.name) or self._any_row(table, column)
        place = f"{table.name}.{column.name}.{row}"
        if isinstance(source, list):
            return source[self._number(place, len(source))]
        if source.get("blank") and self._number(f"{place}.blank", source["blank"]) == 0:
            return None
        return self._day(place, source) if "dates" in source else self._between(place, source)

    def _any_row(self, table: Table, column: Column) -> dict[str, Any]:
        referred = next(key.table for key in table.foreign_keys if key.columns == (column.name,))
        return {"between": [1, self._plan[referred]["rows"]]}

    def _day(self, place: str, source: Mapping[str, Any]) -> str:
        first, last = map(date.fromisoformat, source["dates"])
        days = self._number(place, (last - first).days + 1)
        return (first + timedelta(days=days)).isoformat()

    def _between(self, place: str, source: Mapping[str, Any]) -> float:
        low, high = source["between"]
        scale = 10 ** source.get("decimals", 0)
        number: int = low * scale + self._number(place, (high - low) * scale + 1)
        return number / scale if scale > 1 else number

    def _number(self, place: str, choices: int) -> int:
        """From 0 to below ``choices``."""
        digest = hashlib.sha256(f"{self._seed} {place}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % choices
