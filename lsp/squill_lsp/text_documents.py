"""pygls's documents with the line breaks of LSP: ``\\n``, ``\\r\\n`` and ``\\r``, nothing else.

pygls splits as Python does, also at a form feed or at U+2028; each of them in a text would move
all positions below it by a line.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from pygls.workspace import TextDocument, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lsprotocol import types


def split_lines(text: str) -> list[str]:
    """The lines with their line breaks."""
    return list(io.StringIO(text, newline=""))


class LspTextDocument(TextDocument):
    @property
    def lines(self) -> Sequence[str]:
        return split_lines(self.source)


class LspWorkspace(Workspace):
    """``on_change`` gets a document's uri, and its text before and after each single change."""

    on_change: Callable[[str, str, str], None] | None = None

    def update_text_document(
        self,
        text_doc: types.VersionedTextDocumentIdentifier,
        change: types.TextDocumentContentChangeEvent,
    ) -> None:
        before = self.get_text_document(text_doc.uri).source
        super().update_text_document(text_doc, change)
        if self.on_change:
            self.on_change(text_doc.uri, before, self.get_text_document(text_doc.uri).source)

    @classmethod
    def in_place_of(cls, other: Workspace) -> LspWorkspace:
        """A workspace without documents, otherwise as ``other``."""
        folders = list(other.folders.values())
        return cls(other.root_uri, other._sync_kind, folders, other.position_encoding)

    def _create_text_document(
        self,
        doc_uri: str,
        source: str | None = None,
        version: int | None = None,
        language_id: str | None = None,
    ) -> LspTextDocument:
        return LspTextDocument(
            doc_uri,
            source=source,
            version=version,
            language_id=language_id,
            sync_kind=self._sync_kind,
            position_codec=self._position_codec,
        )
