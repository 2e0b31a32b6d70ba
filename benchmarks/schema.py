"""Time to read a large schema, and to read it again after one edit.

Run as ``python benchmarks/schema.py [tables] [columns of each]``; times are in milliseconds.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

from squill.binding import bind
from squill.ddl import ParsedSchema, SchemaBuilder, SchemaSource

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATS = 5


def ddl(tables: int, columns: int, edited: int = -1) -> str:
    return "\n".join(table_ddl(number, columns, number == edited) for number in range(tables))


def table_ddl(number: int, columns: int, edited: bool) -> str:
    lines = [f"  column_{i} VARCHAR(20) NOT NULL, -- what {i} means" for i in range(columns - 1)]
    extra = "  extra INT,\n" if edited else ""
    body = "\n".join(lines)
    return f"CREATE TABLE table_{number} (\n{extra}{body}\n  id INTEGER PRIMARY KEY\n);"


def milliseconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - start)


def rebuild_times(builder: SchemaBuilder, tables: int, columns: int) -> list[float]:
    """Each after an edit of another statement."""
    times = []
    for repeat in range(REPEATS):
        source = SchemaSource("schema.sql", ddl(tables, columns, edited=repeat))
        times.append(milliseconds(lambda source=source: builder.build([source])))  # type: ignore[misc]
    return times


def main() -> None:
    tables, columns = (int(text) for text in (*sys.argv[1:3], *("1000", "20")[len(sys.argv) - 1 :]))
    builder = SchemaBuilder()
    source = SchemaSource("schema.sql", ddl(tables, columns))
    built: list[ParsedSchema] = []
    first = milliseconds(lambda: built.append(builder.build([source])))
    schema = built[0].schema
    same = statistics.median(milliseconds(lambda: builder.build([source])) for _ in range(REPEATS))
    edited = statistics.median(rebuild_times(builder, tables, columns))
    query = f"SELECT a.id FROM table_1 a JOIN table_{tables - 1} b ON a.id = b.id"
    binding = statistics.median(milliseconds(lambda: bind(query, schema)) for _ in range(50))
    total = sum(len(table.columns) for table in schema.tables)
    print(f"{tables} tables, {total} columns, {len(source.text)} characters")
    for name, value in [
        ("first build", first),
        ("rebuild, nothing edited", same),
        ("rebuild, one statement edited", edited),
        ("bind a query over two tables", binding),
    ]:
        print(f"{name:32}{value:10.2f} ms")
    print(f"{'first build / rebuild':32}{first / edited:10.1f} times")


if __name__ == "__main__":
    main()
