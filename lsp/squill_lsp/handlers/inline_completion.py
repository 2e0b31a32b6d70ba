"""textDocument/inlineCompletion: the answer as ghost text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from squill_lsp.handlers.acceptance import accepted_command
from squill_lsp.positions import offset_at, range_between

if TYPE_CHECKING:
    from pygls.workspace import TextDocument

    from squill_lsp.comments import SqlRequest
    from squill_lsp.server import SquillServer

TYPING_SECONDS = 0.075
"""A pause in typing; an automatic request that is cancelled within it costs the model nothing."""

_NO_QUESTION = (
    "Nothing shown: the cursor is neither at the end of a comment that asks for a query nor "
    "directly below one."
)


def register(server: SquillServer) -> None:
    # pygls announces the method only where options are given.
    options = types.InlineCompletionOptions(work_done_progress=False)
    server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, options)(inline_completion)


async def inline_completion(
    ls: SquillServer, params: types.InlineCompletionParams
) -> types.InlineCompletionList | None:
    document = ls.document(params.text_document.uri)
    if document is None:
        return None
    request = ls.suggester.request_at(ls.buffer(document), offset_at(document, params.position))
    automatic = params.context.trigger_kind == types.InlineCompletionTriggerKind.Automatic
    if request is None:
        if not automatic:
            ls.status.update(message=_NO_QUESTION)
        return None
    return await ls.in_flight.run(
        document.uri, "inline", _ghost_text(ls, document, request, automatic=automatic)
    )


async def _ghost_text(
    ls: SquillServer, document: TextDocument, request: SqlRequest, *, automatic: bool
) -> types.InlineCompletionList | None:
    pause = TYPING_SECONDS if automatic else 0.0
    placed = await ls.suggester.text_at_cursor(ls.buffer(document), request, pause)
    if placed is None:
        return None
    end = request.insert_at + placed.replaced
    where = range_between(document, request.insert_at, end)
    command = accepted_command(document, where, request, placed)
    item = types.InlineCompletionItem(placed.text, range=where, command=command)
    return types.InlineCompletionList([item])
