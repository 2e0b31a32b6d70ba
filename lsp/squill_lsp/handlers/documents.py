"""textDocument/didOpen, didChange, didSave, didClose: pygls keeps the texts, we what follows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types

from squill_lsp.handlers.examples import keep_accepted
from squill_lsp.positions import offset_at

if TYPE_CHECKING:
    from squill_lsp.server import SquillServer

TYPING_SECONDS = 0.1
"""A pause in a comment that asks for a query, after which the daemon is woken and warmed."""
QUIET_SECONDS = 0.3
"""A document that was not edited for so long is worth a warm-up of the daemon."""


def register(server: SquillServer) -> None:
    server.feature(types.TEXT_DOCUMENT_DID_OPEN)(did_open)
    server.feature(types.TEXT_DOCUMENT_DID_CHANGE)(did_change)
    server.feature(types.TEXT_DOCUMENT_DID_SAVE)(did_save)
    server.feature(types.TEXT_DOCUMENT_DID_CLOSE)(did_close)


def did_open(ls: SquillServer, params: types.DidOpenTextDocumentParams) -> None:
    ls.last_document = params.text_document.uri
    warm_up(ls, params.text_document.uri)


def did_change(ls: SquillServer, params: types.DidChangeTextDocumentParams) -> None:
    uri = params.text_document.uri
    ls.last_document = uri
    ls.in_flight.edited(uri)
    warm_up(ls, uri, params.content_changes[-1] if params.content_changes else None)


def did_save(ls: SquillServer, params: types.DidSaveTextDocumentParams) -> None:
    # The only sign of a changed file where the client watches none.
    ls.files.expire()
    keep_accepted(ls, params.text_document.uri)
    ls.spawn(ls.watch_pairs())


def did_close(ls: SquillServer, params: types.DidCloseTextDocumentParams) -> None:
    ls.document_closed(params.text_document.uri)
    ls.in_flight.edited(params.text_document.uri)
    ls.files.expire()


def warm_up(
    ls: SquillServer, uri: str, change: types.TextDocumentContentChangeEvent | None = None
) -> None:
    """Have the daemon read the tables once the document is left alone for a while."""
    ls.spawn(_prefill_when_quiet(ls, uri, change))


async def _prefill_when_quiet(
    ls: SquillServer, uri: str, change: types.TextDocumentContentChangeEvent | None
) -> None:
    await ls.in_flight.run(uri, "prefill", _prefill(ls, uri, change))


async def _prefill(
    ls: SquillServer, uri: str, change: types.TextDocumentContentChangeEvent | None
) -> None:
    await asyncio.sleep(TYPING_SECONDS)
    asks = _asks_for_sql(ls, uri, change)
    if not asks:
        await asyncio.sleep(QUIET_SECONDS - TYPING_SECONDS)
    if document := ls.document(uri):
        await ls.suggester.prefill(ls.buffer(document), wake=asks)


def _asks_for_sql(
    ls: SquillServer, uri: str, change: types.TextDocumentContentChangeEvent | None
) -> bool:
    """Whether the last edit was in a comment that asks for a query."""
    document = ls.document(uri)
    if document is None or not isinstance(change, types.TextDocumentContentChangePartial):
        return False
    end = offset_at(document, change.range.start) + len(change.text)
    return ls.suggester.request_at(ls.buffer(document), end, anywhere=True) is not None
