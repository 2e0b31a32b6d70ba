"""Edits in the form that the client can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from squill_lsp.positions import range_between

if TYPE_CHECKING:
    from pygls.workspace import TextDocument

    from squill_lsp.rewriting import Rewrite
    from squill_lsp.server import SquillServer


def workspace_edit(
    ls: SquillServer, document: TextDocument, edit: types.TextEdit
) -> types.WorkspaceEdit:
    """``edit`` of this version of the document, where the client knows of versions."""
    if not ls.can("workspace.workspace_edit.document_changes"):
        return types.WorkspaceEdit(changes={document.uri: [edit]})
    versioned = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(versioned, [edit])])


def edit_of(ls: SquillServer, document: TextDocument, rewrite: Rewrite) -> types.WorkspaceEdit:
    where = range_between(document, rewrite.start, rewrite.end)
    return workspace_edit(ls, document, types.TextEdit(where, rewrite.text))
