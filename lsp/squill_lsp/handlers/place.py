"""The document and the offset that a command's argument names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from squill.errors import CancelledError, UsageError
from squill_lsp.handlers.commands import position, text
from squill_lsp.positions import offset_at

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from pygls.workspace import TextDocument

    from squill_lsp.rewriting import Rewrite
    from squill_lsp.server import SquillServer


def place(ls: SquillServer, given: Mapping[str, Any]) -> tuple[TextDocument, int]:
    """
    Raises:
        UsageError: no SQL document of that uri is open, or there is no position.
    """
    uri = text(given, "uri")
    document = ls.document(uri)
    if document is None:
        raise UsageError(f"No SQL document {uri} is open.")
    return document, offset_at(document, position(given.get("position")))


async def unless_edited(
    ls: SquillServer, document: TextDocument, kind: str, work: Coroutine[Any, Any, Rewrite]
) -> Rewrite:
    """
    Raises:
        CancelledError: the document was edited meanwhile.
    """
    rewrite = await ls.in_flight.run(document.uri, kind, work)
    if rewrite is None:
        raise CancelledError("The document was edited meanwhile. Ask again.")
    return rewrite
