"""From DDL texts to a schema; what each distinct statement came to is kept between builds."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.ddl.alter import operations_from_alter
from squill.ddl.catalog import Catalog
from squill.ddl.create import define_from_text
from squill.ddl.naming import (
    operations_from_comment,
    operations_from_drop,
    operations_from_execute,
    operations_from_rename,
)
from squill.dialects import DIALECTS, canonical_dialect, header_name, resolve_dialect
from squill.errors import UnparsableError
from squill.schema import Schema
from squill.statements import Statement, split_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from squill.ddl.operations import Operation
    from squill.dialects import DialectOrigin


@dataclass(frozen=True, slots=True)
class SchemaSource:
    """One DDL text. ``name`` (a path, a document's address) appears in problems."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A statement that was left out. ``offset`` is in characters; ``line`` counts from 1."""

    source: str
    offset: int
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class ParsedSchema:
    """A schema, what decided its dialect, and the statements that could not be read."""

    schema: Schema
    dialect_origin: DialectOrigin
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _ParsedStatement:
    operations: tuple[Operation, ...] = ()
    message: str = ""
    offset: int = 0


_NOTHING = _ParsedStatement()

_CREATE = re.compile(
    r"CREATE\s+(?:(?!TABLE|VIEW|INDEX|FUNCTION|PROCEDURE|TRIGGER|TYPE|ROLE|SCHEMA)[A-Z_@=`'%\w]+\s+)*?"
    r"(?:TABLE|VIEW)\b(?!\s+FUNCTION\b)",
    re.IGNORECASE,
)
_OF_TABLES = re.compile(
    r"(?:ALTER|DROP)\s+(?:MATERIALIZED\s+|FOREIGN\s+|TEMPORARY\s+)?(?:TABLE|VIEW)\b|COMMENT\s+ON\s+(?:TABLE|VIEW|COLUMN)\b|RENAME\b|EXEC",
    re.IGNORECASE,
)

_READERS: Mapping[str, Callable[[str, str], Sequence[Operation]]] = {
    "CREATE": define_from_text,
    "ALTER": operations_from_alter,
    "DROP": operations_from_drop,
    "RENAME": operations_from_rename,
    "COMMENT": operations_from_comment,
    "EXEC": operations_from_execute,
    "EXECUTE": operations_from_execute,
}


class SchemaBuilder:
    """Builds schemas from texts that change little between builds. For one thread at a time."""

    def __init__(self) -> None:
        self._statements: dict[tuple[str, str], _ParsedStatement] = {}
        self._splits: dict[tuple[str, str], list[Statement]] = {}

    def build(self, sources: Sequence[SchemaSource], dialect: str = "") -> ParsedSchema:
        """The tables of all ``sources``; later sources override earlier ones.

        ``dialect`` is the user's setting; where it is empty, header comments and then the DDL
        itself decide.

        Raises:
            UsageError: ``dialect`` names no known dialect.
        """
        name, origin = _resolve(sources, dialect)
        catalog = Catalog()
        problems: list[Problem] = []
        used: dict[tuple[str, str], _ParsedStatement] = {}
        splits: dict[tuple[str, str], list[Statement]] = {}
        for source in sources:
            catalog.source = source.name
            problems += _header_problems(source)
            splits[name, source.text] = statements = self._split(source.text, name)
            broken: list[tuple[int, str]] = []
            for statement in statements:
                parsed = self._parse(statement, name)
                used[name, statement.text] = parsed
                for operation in parsed.operations:
                    operation.apply(catalog)
                if parsed.message:
                    broken.append((statement.start + parsed.offset, parsed.message))
            problems += _located(source, broken)
        self._statements, self._splits = used, splits
        return ParsedSchema(Schema(tuple(catalog), name), origin, tuple(problems))

    def _split(self, text: str, dialect: str) -> list[Statement]:
        known = self._splits.get((dialect, text))
        if known is not None:
            return known
        # Everything that defines nothing, a dump's rows above all, ends here.
        return [s for s in split_statements(text, dialect) if _concerns_tables(s)]

    def _parse(self, statement: Statement, dialect: str) -> _ParsedStatement:
        known = self._statements.get((dialect, statement.text))
        return known or _parse_statement(statement, dialect)


def parse_schema(text: str, dialect: str = "", *, name: str = "schema") -> ParsedSchema:
    """The tables of one DDL text; see `SchemaBuilder.build`."""
    return SchemaBuilder().build([SchemaSource(name, text)], dialect)


def _concerns_tables(statement: Statement) -> bool:
    head = statement.text[:8].upper()
    if head.startswith("CREATE"):
        return _CREATE.match(statement.text) is not None
    return _OF_TABLES.match(statement.text) is not None


def _parse_statement(statement: Statement, dialect: str) -> _ParsedStatement:
    reader = _READERS.get(statement.head)
    if reader is None:
        return _NOTHING
    try:
        return _ParsedStatement(tuple(reader(statement.text, dialect)))
    except UnparsableError as error:
        message = f"This statement is left out: {error.message} Correct it to have its table known."
        return _ParsedStatement(message=message, offset=max(error.offset, 0))


def _resolve(sources: Sequence[SchemaSource], setting: str) -> tuple[str, DialectOrigin]:
    """As `resolve_dialect` over all texts; the last header wins, as the last definition does."""
    if not setting:
        for source in reversed(sources):
            header = header_name(source.text)
            if header and (dialect := canonical_dialect(header)):
                return dialect, "header"
    return resolve_dialect(setting, "\n".join(source.text for source in sources))


def _header_problems(source: SchemaSource) -> Iterator[Problem]:
    header = header_name(source.text)
    if header and canonical_dialect(header) is None:
        offset = source.text.index(header)
        yield from _located(
            source,
            [(offset, f"No SQL dialect is named {header!r}. Use one of: {', '.join(DIALECTS)}.")],
        )


def _located(source: SchemaSource, broken: Sequence[tuple[int, str]]) -> Iterator[Problem]:
    if not broken:
        return
    line_starts = [0, *(found.end() for found in re.finditer("\n", source.text))]
    for offset, message in broken:
        yield Problem(source.name, offset, bisect_right(line_starts, offset), message)
