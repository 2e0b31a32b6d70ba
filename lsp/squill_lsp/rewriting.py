"""What can be done with a statement that stands there: explain it, fix it, write it anew."""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from squill.binding import bind
from squill.dialects import require_dialect
from squill.errors import NoValidAnswerError, UnparsableError, UsageError
from squill.pairs.comments import asked_at
from squill_lsp.comments import SqlRequest
from squill_lsp.explanation import comment_lines, explain
from squill_lsp.insertion import Insertion, insertion
from squill_lsp.repair import Change, repair
from squill_lsp.statement_at import indent_of, statement_at

if TYPE_CHECKING:
    from squill.schema import Schema
    from squill.statements import Statement
    from squill_lsp.buffers import Buffer
    from squill_lsp.suggestions import Suggester

CANDIDATES = 3
"""Asked of the model, for one that differs from what stands there, or is near it."""

_KINDS = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"})

_NO_STATEMENT = "No statement stands at the cursor. Put the cursor into one."
_NO_QUESTION = (
    "No comment that asks for a query stands at the cursor. Put the cursor into one, or into the "
    "statement below it."
)
_NO_TABLES = "No table definitions were found, so it cannot be checked. Open or name a schema file."
_NO_OTHER = "The model writes the same statement again. Word the comment differently."


@dataclass(frozen=True, slots=True)
class Rewrite:
    """``text`` takes the place of the characters from ``start`` to ``end``.

    ``sql`` is the new statement without semicolon; ``changes`` says what became of which name,
    empty where the model wrote it anew.
    """

    start: int
    end: int
    text: str
    sql: str = ""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Choices:
    """A statement; whether it fits the tables (true where none are known), and has a question."""

    start: int
    text: str
    fits: bool
    asked: bool


class Rewriter:
    """Belongs to the event loop; all offsets are in characters."""

    def __init__(self, suggester: Suggester) -> None:
        self._suggester = suggester

    async def explanation(self, document: Buffer, offset: int) -> Rewrite:
        """The statement as a comment on lines of its own above it.

        Raises:
            UsageError: no statement stands there.
            UnparsableError: it does not parse, or is of a kind that is not explained.
        """
        dialect = (await self._suggester.schema(document)).dialect
        statement = _require_statement(document.text, offset, dialect)
        said = await asyncio.to_thread(explain, statement.text, dialect)
        indent = indent_of(document.text, statement.start)
        start = statement.start - len(indent)
        return Rewrite(start, start, comment_lines(said, indent))

    async def choices(self, document: Buffer, offset: int) -> Choices | None:
        """What can be done with the query or change at ``offset``, None where none stands."""
        schema = await self._suggester.schema(document)
        statement = statement_at(document.text, offset, schema.dialect)
        if statement is None or statement.head not in _KINDS:
            return None
        fits = not schema.tables or bind(statement.text, schema).valid
        asked = asked_at(document.text, offset, schema.dialect) is not None
        return Choices(statement.start, statement.text, fits, asked)

    async def fix(self, document: Buffer, offset: int) -> Rewrite:
        """The statement with the nearest names that fit, else as the model writes it.

        Raises:
            UsageError: no statement stands there, or it fits already.
            NoValidAnswerError: neither way leads to one that fits.
            SquillError: the daemon cannot be asked.
        """
        schema = await self._suggester.schema(document)
        statement = _require_statement(document.text, offset, schema.dialect)
        if not schema.tables:
            raise UsageError(_NO_TABLES)
        problems = bind(statement.text, schema).problems
        if not problems:
            raise UsageError("The statement fits the tables; there is nothing to fix.")
        near = await asyncio.to_thread(repair, statement.text, schema)
        if near is not None:
            return Rewrite(statement.start, statement.end, near.sql, near.sql, near.changes)
        return await self._written_by_model(document, statement, schema, problems[0])

    async def _written_by_model(
        self, document: Buffer, statement: Statement, schema: Schema, problem: str
    ) -> Rewrite:
        question = _question_of(document.text, statement, schema.dialect)
        nothing = NoValidAnswerError(f"No near statement fits the tables. {problem}")
        if not question:
            raise nothing
        found = await self._suggester.candidates(document, question, schema, CANDIDATES)
        if not found:
            raise nothing
        sql = max(found, key=lambda written: _likeness(written, statement.text))
        return self._in_place(document, statement, sql, schema)

    async def another(self, document: Buffer, offset: int, dialect: str = "") -> Rewrite:
        """Another statement for the question at ``offset``, in ``dialect`` if one is named.

        Raises:
            UsageError: no question stands there, or no tables are known.
            NoValidAnswerError: the model has no other that fits.
            SquillError: the daemon cannot be asked.
        """
        schema = await self._suggester.schema(document)
        if not schema.tables:
            raise UsageError(_NO_TABLES)
        asked = asked_at(document.text, offset, schema.dialect)
        request = self._suggester.request_at(document, offset, anywhere=True)
        if dialect:
            schema = replace(schema, dialect=require_dialect(dialect))
        if asked is None and request is None:
            raise UsageError(_NO_QUESTION)
        question = asked.question if asked else request.question if request else ""
        found = await self._suggester.candidates(document, question, schema, CANDIDATES)
        if asked is not None:
            found = [sql for sql in found if _spelling(sql) != _spelling(asked.sql)]
        if not found:
            raise NoValidAnswerError(_NO_OTHER)
        if asked is None and request is not None:
            placed = self._placed(document, request, found[0], schema)
            return Rewrite(request.insert_at, request.insert_at, placed.text, found[0])
        statement = _require_statement(
            document.text, asked.end if asked else offset, schema.dialect
        )
        return self._in_place(document, statement, found[0], schema)

    def _in_place(
        self, document: Buffer, statement: Statement, sql: str, schema: Schema
    ) -> Rewrite:
        """``sql`` laid out where ``statement`` stands, whose semicolon stays or is missing."""
        indent = indent_of(document.text, statement.start)
        at = statement.start
        request = SqlRequest("", at, at, at, indent, line_indent=indent, following=";")
        placed = self._placed(document, request, sql, schema)
        return Rewrite(at, statement.end, placed.text, sql)

    def _placed(self, document: Buffer, request: SqlRequest, sql: str, schema: Schema) -> Insertion:
        placed = insertion(request, sql, self._suggester.style(document, schema))
        if placed is None:
            raise NoValidAnswerError(_NO_OTHER)
        return placed


def _require_statement(text: str, offset: int, dialect: str) -> Statement:
    statement = statement_at(text, offset, dialect)
    if statement is None:
        raise UsageError(_NO_STATEMENT)
    return statement


def _question_of(text: str, statement: Statement, dialect: str) -> str:
    """The comment's above a statement, else what the statement itself seems to ask."""
    if asked := asked_at(text, statement.start, dialect):
        return asked.question
    try:
        return explain(statement.text, dialect)[-1]
    except UnparsableError:
        return ""


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False).ratio()


def _spelling(sql: str) -> str:
    return " ".join(sql.rstrip("; \n").casefold().split())
