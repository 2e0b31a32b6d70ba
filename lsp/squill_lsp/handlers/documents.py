"""textDocument/didOpen, didChange, didSave, didClose: pygls keeps the texts, we what follows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from squill_lsp.server import SquillServer

QUIET_SECONDS = 0.3
"""A document that was not edited for so long is worth a warm-up of the daemon."""


def register(server: SquillServer) -> None:
    server.feature(types.TEXT_DOCUMENT_DID_OPEN)(did_open)
    server.feature(types.TEXT_DOCUMENT_DID_CHANGE)(did_change)
    server.feature(types.TEXT_DOCUMENT_DID_SAVE)(did_save)
    server.feature(types.TEXT_DOCUMENT_DID_CLOSE)(did_close)


def did_open(ls: SquillServer, params: types.DidOpenTextDocumentParams) -> None:
    _warm_up(ls, params.text_document.uri)


def did_change(ls: SquillServer, params: types.DidChangeTextDocumentParams) -> None:
    ls.in_flight.edited(params.text_document.uri)
    _warm_up(ls, params.text_document.uri)


def did_save(ls: SquillServer, _: types.DidSaveTextDocumentParams) -> None:
    # The only sign of a changed file where the client watches none.
    ls.files.expire()


def did_close(ls: SquillServer, params: types.DidCloseTextDocumentParams) -> None:
    ls.in_flight.edited(params.text_document.uri)
    ls.files.expire()


def _warm_up(ls: SquillServer, uri: str) -> None:
    ls.spawn(_prefill_when_quiet(ls, uri))


async def _prefill_when_quiet(ls: SquillServer, uri: str) -> None:
    await ls.in_flight.run(uri, "prefill", _prefill(ls, uri))


async def _prefill(ls: SquillServer, uri: str) -> None:
    await asyncio.sleep(QUIET_SECONDS)
    if document := ls.document(uri):
        await ls.suggester.prefill(ls.buffer(document))
