"""initialize, initialized, shutdown."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from squill_lsp.handlers import completion, trust
from squill_lsp.handlers.workspace import settle

if TYPE_CHECKING:
    from squill_lsp.server import SquillServer


def register(server: SquillServer) -> None:
    server.feature(types.INITIALIZE)(initialize)
    server.feature(types.INITIALIZED)(initialized)
    server.feature(types.SHUTDOWN)(shutdown)


def initialize(ls: SquillServer, params: types.InitializeParams) -> None:
    ls.protocol.use_own_documents(ls.document_changed)
    if completion.is_wanted(params.capabilities):
        completion.register(ls)
    # Problems are reported after the handshake, when the log may be written to.
    ls.editor_settings = params.initialization_options
    ls.trusted = trust.said(params.initialization_options)
    ls.watch_editor(params.process_id or 0)


def initialized(ls: SquillServer, _: types.InitializedParams) -> None:
    ls.apply_settings(ls.editor_settings)
    ls.status.update()
    ls.spawn(_prepare(ls))


async def _prepare(ls: SquillServer) -> None:
    """What may take its time: settings and watchers by request, the import of the parser."""
    await asyncio.to_thread(importlib.import_module, "squill_lsp.suggestions")
    await settle(ls)
    await ls.watch_pairs()
    await trust.tell_left_out(ls)


async def shutdown(ls: SquillServer, _: Any = None) -> None:
    await ls.close()
