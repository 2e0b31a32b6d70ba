"""From a comment to statements that may be shown: the one path of all editor features."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from squill.adapters import user_registry
from squill.binding import bind
from squill.dialects import canonical_dialect, header_name
from squill.errors import AdapterError, CancelledError, SquillError
from squill.scanner import scan
from squill.schema import to_wire
from squill_lsp.comments import SqlRequest, find_request
from squill_lsp.insertion import Insertion, Style, alternatives, insertion, keyword_case
from squill_lsp.recent_answers import Ground, RecentAnswers
from squill_lsp.sources import SchemaSources, ordered_sources
from squill_lsp.warm_up import WarmUp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from squill.ddl import ParsedSchema
    from squill.schema import Schema
    from squill.settings import Settings
    from squill_lsp.buffers import Buffer
    from squill_lsp.link import DaemonLink
    from squill_lsp.status import StatusReporter
    from squill_lsp.workspace_files import WorkspaceFiles

    Reply = Mapping[str, Any]

_NO_TABLES = (
    "Nothing shown: no table definitions were found. Open a file with CREATE TABLE statements, "
    "or name your schema files in the setting workspace.schema_files."
)
_NO_ANSWER = "Nothing shown: the model wrote nothing that fits these tables. Word it differently."
_OUT_OF_PLACE = "Nothing shown: the model's answer does not continue what is typed."
_UNFIT = "Nothing shown: the model's answer does not fit the tables as they are now. Ask again."

CANDIDATES_FOR_TYPED = 3
"""A begun statement rules answers out, so more of them are asked for."""

LATE_SECONDS = 5.0
"""An answer that is so far over its budget is late, and the status says so."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Statements without semicolon, the best first: each parses, binds and fits its place."""

    statements: tuple[str, ...]
    style: Style


class Suggester:
    """Asks the daemon and checks what it says. Belongs to the event loop.

    ``workspace`` gives the folder that a document belongs to, "" for none.
    """

    def __init__(
        self,
        link: DaemonLink,
        status: StatusReporter,
        files: WorkspaceFiles,
        buffers: Callable[[], Sequence[Buffer]],
        settings: Callable[[], Settings],
        workspace: Callable[[Buffer], str] = lambda _: "",
    ) -> None:
        self._link = link
        self._status = status
        self._files = files
        self._buffers = buffers
        self._settings = settings
        self._workspace = workspace
        self._adapters = user_registry()
        self._adapter_problem = ""
        self._sources = SchemaSources()
        self._recent = RecentAnswers()
        self._warm_up = WarmUp(link)

    def request_at(
        self, document: Buffer, offset: int, *, anywhere: bool = False
    ) -> SqlRequest | None:
        """See `find_request`."""
        return find_request(document.text, offset, self._known_dialect(document), anywhere=anywhere)

    def comment_at(self, document: Buffer, start: int) -> SqlRequest | None:
        """The request of the comment that starts at ``start``; its answer goes below it."""
        return self.request_at(document, start, anywhere=True)

    async def text_at_cursor(
        self, document: Buffer, request: SqlRequest, pause: float = 0.0
    ) -> Insertion | None:
        """What to insert where the request stands; ``pause`` as in `answer`."""
        answer = await self.answer(document, request, pause=pause)
        return insertion(request, answer.statements[0], answer.style) if answer else None

    async def text_below(
        self, document: Buffer, request: SqlRequest, n: int = 1
    ) -> Insertion | None:
        """What to insert at the end of a comment: a statement, ``n - 1`` others as comments."""
        answer = await self.answer(document, request, n)
        return alternatives(request, answer.statements, answer.style) if answer else None

    async def answer(
        self, document: Buffer, request: SqlRequest, n: int = 1, pause: float = 0.0
    ) -> Answer | None:
        """Up to ``n`` statements that answer ``request``, or None where nothing may be shown.

        The status says why. An answer for a version that is no more is None as well. The daemon
        is not asked before ``pause`` seconds are over; what is known already comes at once.
        """
        if not self._recent.knows(request.question):
            await asyncio.sleep(pause)
            pause = 0.0
        parsed = await self._parsed(document)
        schema = parsed.schema
        if not schema.tables:
            reasons = [f"Nothing shown: {problem}" for problem in parsed.problems]
            self._status.update(message=[*reasons, _NO_TABLES][0])
            return None
        ground = await self._ground(document, schema)
        style = self.style(document, schema)
        reply = self._remembered(request, ground, schema, n, style)
        if reply is None:
            await asyncio.sleep(pause)
            reply = await self._ask(document, request, ground, schema, n)
        if reply is None or document not in self._buffers():
            return None
        schema = (await self._parsed(document)).schema
        answer = _checked(request, reply, schema, n, self.style(document, schema))
        if answer:
            self._status.clear()
        else:
            self._status.update(message=_reason(reply, schema))
        return answer

    def _remembered(
        self, request: SqlRequest, ground: Ground, schema: Schema, n: int, style: Style
    ) -> Reply | None:
        """An earlier reply that serves as well as one to a new request would.

        One to fewer candidates does so where it continues what is typed.
        """
        for kept in self._recent.find(ground, request.question):
            if kept.n >= _candidates(request, n):
                return kept.reply
            if n == 1 and _checked(request, kept.reply, schema, n, style):
                return kept.reply
        return None

    async def _ask(
        self, document: Buffer, request: SqlRequest, ground: Ground, schema: Schema, n: int
    ) -> Reply | None:
        n = _candidates(request, n)
        budget = self._settings().generation.budget_ms
        params = self._question(document, request.question, ground, schema, n)
        loop = asyncio.get_running_loop()
        late = loop.call_later(budget / 1000 + LATE_SECONDS, self._status.late)
        try:
            with self._status.thinking(), self._warm_up.question():
                reply: Reply = await self._link.call("generate", params)
        except SquillError as error:
            is_stale = isinstance(error, CancelledError) and document not in self._buffers()
            if not is_stale:
                self._status.update(message=error.message)
            return None
        finally:
            late.cancel()
        self._tell_adapter_problem(reply)
        if reply.get("adapter") == ground.adapter:
            ground = replace(ground, epoch=self._link.epoch)
            self._warm_up.is_warm(ground)
            if _is_repeatable(reply, n, budget):
                self._recent.keep(ground, request.question, n, reply)
        return reply

    def _tell_adapter_problem(self, reply: Reply) -> None:
        """Once for each: what was learned doesn't answer here."""
        problem = str(reply.get("adapter_problem") or "")
        if problem and problem != self._adapter_problem:
            self._status.update(message=f"What was learned here isn't used. {problem}")
        self._adapter_problem = problem

    async def prefill(self, document: Buffer, *, wake: bool = True) -> None:
        """Warm the daemon for questions on the current tables; starts it where it does not run.

        Without ``wake``, one that has stopped or has given its memory back is left alone.
        """
        if self._link.asleep and not wake:
            return
        schema = (await self._parsed(document)).schema
        with contextlib.suppress(SquillError):  # the link has told the editor
            await self._link.connected()
            if schema.tables:
                ground = await self._ground(document, schema)
                self._warm_up.begin(ground, self._params(ground, schema))

    def _question(
        self, document: Buffer, question: str, ground: Ground, schema: Schema, n: int
    ) -> dict[str, Any]:
        return self._params(ground, schema) | {
            "question": question,
            "n": n,
            "budget_ms": self._settings().generation.budget_ms,
            "document": {"uri": document.uri, "version": document.version},
        }

    def _params(self, ground: Ground, schema: Schema) -> dict[str, Any]:
        return {"schema": to_wire(schema), "workspace": ground.workspace}

    async def _ground(self, document: Buffer, schema: Schema) -> Ground:
        workspace = self._workspace(document)
        adapter = await asyncio.to_thread(self._active_adapter, workspace)
        self._status.update(adapter=adapter or "")
        return Ground(schema.digest, adapter, workspace, self._link.epoch)

    def _active_adapter(self, workspace: str) -> str | None:
        """What the daemon will use, which reads the same record; in a worker thread."""
        try:
            return self._adapters.active(workspace)
        except AdapterError:
            return None

    async def candidates(
        self, document: Buffer, question: str, schema: Schema, n: int
    ) -> list[str]:
        """Up to ``n`` statements for ``question`` that bind to ``schema``, the best first.

        Raises:
            SquillError: the daemon cannot be asked, or failed.
        """
        ground = await self._ground(document, schema)
        params = self._question(document, question, ground, schema, n)
        with self._status.thinking(), self._warm_up.question():
            reply: Reply = await self._link.call("generate", params)
        return [sql for sql in _statements(reply) if bind(sql, schema).valid]

    async def schema(self, document: Buffer) -> Schema:
        """The tables that questions in ``document`` are about, in its dialect."""
        return (await self._parsed(document)).schema

    async def _parsed(self, document: Buffer) -> ParsedSchema:
        files = await self._files.texts(self._settings().workspace)
        sources = ordered_sources(files, self._buffers(), document.uri)
        known = self._known_dialect(document)
        parsed = await self._sources.schema(sources, known)
        self._status.update(
            dialect=parsed.schema.dialect, dialect_origin=self._origin(parsed, known)
        )
        return parsed

    def style(self, document: Buffer, schema: Schema) -> Style:
        code = scan(document.text, schema.dialect).code
        names = {table.name for table in schema.tables}
        names |= {column.name for table in schema.tables for column in table.columns}
        return Style(schema.dialect, keyword_case(code, self._settings().keyword_case), names)

    def _known_dialect(self, document: Buffer) -> str:
        """The dialect where setting or the document's own header says it, else empty."""
        named = self._settings().dialect or header_name(document.text) or ""
        return canonical_dialect(named) or ""

    def _origin(self, parsed: ParsedSchema, known: str) -> str:
        if known and not canonical_dialect(self._settings().dialect):
            return "header"
        return parsed.dialect_origin


def _candidates(request: SqlRequest, n: int) -> int:
    return max(n, CANDIDATES_FOR_TYPED) if request.typed else n


def _is_repeatable(reply: Reply, n: int, budget_ms: int) -> bool:
    """Whether asking again would bring nothing more: fewer candidates may be for want of time."""
    found = len(reply.get("candidates") or ())
    spent = (reply.get("milliseconds") or {}).get("total", 0.0)
    return found >= n or (found > 0 and spent < budget_ms)


def _checked(
    request: SqlRequest, reply: Reply, schema: Schema, n: int, style: Style
) -> Answer | None:
    fitting = (sql for sql in _statements(reply) if _may_be_shown(request, sql, style, schema))
    statements = tuple(dict.fromkeys(fitting))[:n]
    return Answer(statements, style) if statements else None


def _statements(reply: Reply) -> list[str]:
    return [str(candidate["sql"]) for candidate in reply.get("candidates") or ()]


def _may_be_shown(request: SqlRequest, sql: str, style: Style, schema: Schema) -> bool:
    if not bind(sql, schema).valid:
        return False
    placed = insertion(request, sql, style)
    return placed is not None and bind(placed.statement, schema).valid


def _reason(reply: Reply, schema: Schema) -> str:
    if refused := reply.get("refused"):
        return f"Nothing shown: {refused}"
    statements = _statements(reply)
    if any(bind(sql, schema).valid for sql in statements):
        return _OUT_OF_PLACE
    return _UNFIT if statements else _NO_ANSWER
