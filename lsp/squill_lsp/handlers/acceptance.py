"""``squill.accepted``: suggestions report, by their own command, that they were taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from squill.errors import UsageError
from squill_lsp.handlers import commands
from squill_lsp.positions import offset_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pygls.workspace import TextDocument

    from squill_lsp.comments import SqlRequest
    from squill_lsp.insertion import Insertion
    from squill_lsp.server import SquillServer

ACCEPTED = "squill.accepted"


def register(server: SquillServer) -> None:
    commands.add(server, ACCEPTED, accepted)


def accepted_command(
    document: TextDocument, where: types.Range, request: SqlRequest, placed: Insertion | None = None
) -> types.Command:
    """What the client runs once it has inserted ``placed`` (None where that is not known yet)."""
    told = {
        "uri": document.uri,
        "version": document.version,
        "range": {
            "start": {"line": where.start.line, "character": where.start.character},
            "end": {"line": where.end.line, "character": where.end.character},
        },
        "question": request.question,
        "sql": placed.statement if placed else "",
    }
    return types.Command("Squill: this was accepted", ACCEPTED, arguments=[told])


async def accepted(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    """Follow the statement from now on; it becomes a pair when the document is saved."""
    uri, question = commands.text(given, "uri"), commands.text(given, "question")
    place, sql = given.get("range"), given.get("sql", "")
    if not isinstance(place, dict) or not isinstance(sql, str):
        raise UsageError("`range` must be a range, and `sql` a text.")
    start = commands.position(place.get("start"), "range.start")
    document = ls.document(uri)
    if document is None or not ls.settings.learning.keep_accepted:
        return {"followed": False}
    dialect = (await ls.suggester.schema(ls.buffer(document))).dialect
    near = offset_at(document, start)
    found = ls.acceptances.accept(uri, document.source, dialect, near, question, sql)
    return {"followed": found is not None}
