"""textDocument/codeAction on a comment or a statement; the edit is computed on resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from squill_lsp.handlers import statement_actions
from squill_lsp.handlers.acceptance import accepted_command
from squill_lsp.handlers.action_commands import resolves_edits, with_command
from squill_lsp.handlers.edits import workspace_edit
from squill_lsp.handlers.resolve_data import COMMENT_GONE, foreign_data, position_of
from squill_lsp.positions import offset_at, position_at, range_between

if TYPE_CHECKING:
    from pygls.workspace import TextDocument

    from squill_lsp.server import SquillServer

KIND = types.CodeActionKind.RefactorRewrite
ACTIONS = {"Write SQL from this comment": 1, "Write 3 alternatives": 3}
"""Titles, and how many statements each asks for."""


def register(server: SquillServer) -> None:
    kinds = [KIND, types.CodeActionKind.QuickFix]
    options = types.CodeActionOptions(code_action_kinds=kinds, resolve_provider=True)
    server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)(code_action)
    server.feature(types.CODE_ACTION_RESOLVE)(resolve)


async def code_action(ls: SquillServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    document = ls.document(params.text_document.uri)
    if document is None:
        return []
    offset = offset_at(document, params.range.end)
    actions = _on_comment(ls, document, offset)
    actions = actions or await statement_actions.offered(ls, document, offset)
    wanted = [action for action in actions if _is_asked_for(action.kind, params.context.only)]
    if resolves_edits(ls):
        return wanted
    return [done for action in wanted if (done := with_command(action, document, params.range.end))]


def _on_comment(ls: SquillServer, document: TextDocument, offset: int) -> list[types.CodeAction]:
    request = ls.suggester.request_at(ls.buffer(document), offset, anywhere=True)
    if request is None:
        return []
    comment = position_at(document, request.start)
    data = {"uri": document.uri, "comment": [comment.line, comment.character]}
    return [
        types.CodeAction(title, kind=KIND, data={**data, "n": n}) for title, n in ACTIONS.items()
    ]


def _is_asked_for(kind: Any, only: Any) -> bool:
    return not only or any(kind == wanted or kind.startswith(f"{wanted}.") for wanted in only)


async def resolve(ls: SquillServer, action: types.CodeAction) -> types.CodeAction:
    if action.data is None:
        return action
    if isinstance(action.data, dict) and "statement" in action.data:
        return await statement_actions.resolve(ls, action)
    uri, comment, n = _read_data(action.data)
    if (document := ls.document(uri)) is None:
        return action
    asked = ls.buffer(document)
    request = ls.suggester.comment_at(asked, offset_at(document, comment))
    if request is None:
        ls.status.update(message=COMMENT_GONE)
        return action
    placed = await ls.in_flight.run(
        document.uri, "code action", ls.suggester.text_below(asked, request, n)
    )
    if placed is not None:
        where = range_between(document, request.insert_at, request.insert_at)
        action.edit = workspace_edit(ls, document, types.TextEdit(where, placed.text))
        action.command = accepted_command(document, where, request, placed)
    return action


def _read_data(data: Any) -> tuple[str, types.Position, int]:
    """The document, the comment's start, and how many statements are asked for."""
    match data:
        case {"uri": str(uri), "comment": comment, "n": int(n)} if n in ACTIONS.values():
            return uri, position_of(comment), n
    raise foreign_data()
