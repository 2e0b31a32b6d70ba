"""The schema of a request, parsed once for each text that it comes in."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from squill.ddl import ParsedSchema, SchemaBuilder, SchemaSource
from squill.errors import SchemaError
from squill.schema import Schema

if TYPE_CHECKING:
    from squill.ddl import Problem
    from squill_daemon.requests import SchemaInput


class SchemaReader:
    """Safe on every thread; callers wait for one another. ``dialect`` is the setting."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self._builder = SchemaBuilder()
        self._lock = threading.Lock()

    def read(self, source: SchemaInput, dialect: str) -> ParsedSchema:
        """
        Raises:
            SchemaError: it has no table with a column.
            UsageError: the dialect is unknown.
        """
        if isinstance(source, ParsedSchema):
            return source
        dialect = dialect or self._dialect
        if isinstance(source, Schema):
            parsed = ParsedSchema(replace(source, dialect=dialect or source.dialect), "setting")
        else:
            sources = [SchemaSource(str(index), text) for index, text in enumerate(source)]
            with self._lock:
                parsed = self._builder.build(sources, dialect)
        if not any(table.columns for table in parsed.schema.tables):
            raise SchemaError(
                _unreadable(parsed.problems[0], parsed.schema.dialect)
                if parsed.problems
                else "There are no table definitions to ask about. Give CREATE TABLE statements."
            )
        return parsed


def _unreadable(problem: Problem, dialect: str) -> str:
    return (
        f"No table definition could be read in the dialect {dialect}. Line {problem.line}: "
        f"{problem.message} Correct it, or name another dialect."
    )
