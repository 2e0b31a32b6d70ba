"""From a comment to statements that may be shown: the one path of all editor features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from squill.binding import bind
from squill.dialects import canonical_dialect, header_name
from squill.errors import CancelledError, DaemonUnavailableError, SquillError
from squill.schema import to_wire
from squill_lsp.comments import SqlRequest, find_request
from squill_lsp.insertion import Insertion, Style, alternatives, insertion, keyword_case
from squill_lsp.scanner import scan
from squill_lsp.sources import SchemaSources, ordered_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from squill.ddl import ParsedSchema
    from squill.schema import Schema
    from squill.settings import Settings
    from squill_lsp.buffers import Buffer
    from squill_lsp.insertion import KeywordCase
    from squill_lsp.link import DaemonLink
    from squill_lsp.status import StatusReporter
    from squill_lsp.workspace_files import WorkspaceFiles

_NO_TABLES = (
    "Nothing shown: no table definitions were found. Open a file with CREATE TABLE statements, "
    "or name your schema files in the setting workspace.schema_files."
)
_NO_ANSWER = "Nothing shown: the model wrote nothing that fits these tables. Word it differently."
_OUT_OF_PLACE = "Nothing shown: the model's answer does not continue what is typed."

CANDIDATES_FOR_TYPED = 3
"""A begun statement rules answers out, so more of them are asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Statements without semicolon, the best first: each parses, binds and fits its place."""

    statements: tuple[str, ...]
    style: Style


class Suggester:
    """Asks the daemon and checks what it says. Belongs to the event loop."""

    def __init__(
        self,
        link: DaemonLink,
        status: StatusReporter,
        files: WorkspaceFiles,
        buffers: Callable[[], Sequence[Buffer]],
        settings: Callable[[], Settings],
    ) -> None:
        self._link = link
        self._status = status
        self._files = files
        self._buffers = buffers
        self._settings = settings
        self._sources = SchemaSources()
        self._prefilled = ("", 0)

    def request_at(
        self, document: Buffer, offset: int, *, anywhere: bool = False
    ) -> SqlRequest | None:
        """See `find_request`."""
        return find_request(document.text, offset, self._known_dialect(document), anywhere=anywhere)

    def comment_at(self, document: Buffer, start: int) -> SqlRequest | None:
        """The request of the comment that starts at ``start``; its answer goes below it."""
        return self.request_at(document, start, anywhere=True)

    async def text_at_cursor(self, document: Buffer, request: SqlRequest) -> Insertion | None:
        """What to insert where the request stands."""
        answer = await self.answer(document, request)
        return insertion(request, answer.statements[0], answer.style) if answer else None

    async def text_below(self, document: Buffer, request: SqlRequest, n: int = 1) -> str | None:
        """What to insert at the end of a comment: a statement, ``n - 1`` others as comments."""
        answer = await self.answer(document, request, n)
        placed = alternatives(request, answer.statements, answer.style) if answer else None
        return placed.text if placed else None

    async def answer(self, document: Buffer, request: SqlRequest, n: int = 1) -> Answer | None:
        """Up to ``n`` statements that answer ``request``, or None where nothing may be shown.

        The status says why. An answer for a version that is no more is None as well.
        """
        schema = await self._schema(document)
        if not schema.tables:
            self._status.update(message=_NO_TABLES)
            return None
        with self._status.thinking():
            reply = await self._ask(document, request, schema, n)
        if reply is None or document not in self._buffers():
            return None
        schema = await self._schema(document)
        code = scan(document.text, schema.dialect).code
        case = keyword_case(code, self._settings().keyword_case)
        answer = _checked(request, reply, schema, n, case)
        self._status.update(message="" if answer else _reason(reply))
        return answer

    async def _ask(
        self, document: Buffer, request: SqlRequest, schema: Schema, n: int
    ) -> dict[str, Any] | None:
        params = {
            "schema": to_wire(schema),
            "question": request.question,
            "n": max(n, CANDIDATES_FOR_TYPED) if request.typed else n,
            "budget_ms": self._settings().generation.budget_ms,
            "document": {"uri": document.uri, "version": document.version},
        }
        try:
            reply: dict[str, Any] = await self._link.call("generate", params)
        except (CancelledError, DaemonUnavailableError):
            return None  # stale; or the link has told the editor already
        except SquillError as error:
            self._status.update(message=error.message)
            return None
        return reply

    async def prefill(self, document: Buffer) -> None:
        """Warm the daemon for questions on the current tables; starts it where it does not run."""
        schema = await self._schema(document)
        try:
            await self._link.connected()
            warm = (schema.digest, self._link.connections)
            if schema.tables and warm != self._prefilled:
                await self._link.call("prefill", {"schema": to_wire(schema)})
                self._prefilled = warm
        except SquillError:
            return  # a missed warm-up costs time only; the link has told the editor

    async def _schema(self, document: Buffer) -> Schema:
        files = await self._files.texts(self._settings().workspace)
        sources = ordered_sources(files, self._buffers(), document.uri)
        known = self._known_dialect(document)
        parsed = await self._sources.schema(sources, known)
        self._status.update(
            dialect=parsed.schema.dialect, dialect_origin=self._origin(parsed, known)
        )
        return parsed.schema

    def _known_dialect(self, document: Buffer) -> str:
        """The dialect where setting or the document's own header says it, else empty."""
        named = self._settings().dialect or header_name(document.text) or ""
        return canonical_dialect(named) or ""

    def _origin(self, parsed: ParsedSchema, known: str) -> str:
        if known and not canonical_dialect(self._settings().dialect):
            return "header"
        return parsed.dialect_origin


def _checked(
    request: SqlRequest, reply: dict[str, Any], schema: Schema, n: int, case: KeywordCase
) -> Answer | None:
    names = {table.name for table in schema.tables}
    names |= {column.name for table in schema.tables for column in table.columns}
    style = Style(schema.dialect, case, names)
    candidates = (str(candidate["sql"]) for candidate in reply.get("candidates") or ())
    fitting = (sql for sql in candidates if _may_be_shown(request, sql, style, schema))
    statements = tuple(dict.fromkeys(fitting))[:n]
    return Answer(statements, style) if statements else None


def _may_be_shown(request: SqlRequest, sql: str, style: Style, schema: Schema) -> bool:
    if not bind(sql, schema).valid:
        return False
    placed = insertion(request, sql, style)
    return placed is not None and bind(placed.statement, schema).valid


def _reason(reply: dict[str, Any]) -> str:
    if refused := reply.get("refused"):
        return f"Nothing shown: {refused}"
    return _OUT_OF_PLACE if reply.get("candidates") else _NO_ANSWER
