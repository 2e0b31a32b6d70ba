"""Code actions on a statement that stands there; each edit is computed on resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from squill.errors import SquillError
from squill_lsp.handlers.edits import edit_of
from squill_lsp.handlers.resolve_data import foreign_data, position_of
from squill_lsp.positions import offset_at, position_at

if TYPE_CHECKING:
    from pygls.workspace import TextDocument

    from squill_lsp.server import SquillServer

FIX = "Fix this statement"
EXPLAIN = "Explain this query in a comment"
ANOTHER = "Write another query for this comment"
KINDS = {
    FIX: types.CodeActionKind.QuickFix,
    EXPLAIN: types.CodeActionKind.RefactorRewrite,
    ANOTHER: types.CodeActionKind.RefactorRewrite,
}
_GONE = "Nothing done: the statement has changed since this was offered. Ask again."


async def offered(ls: SquillServer, document: TextDocument, offset: int) -> list[types.CodeAction]:
    found = await ls.rewriter.choices(ls.buffer(document), offset)
    if found is None:
        return []
    at = position_at(document, found.start)
    data = {"uri": document.uri, "statement": [at.line, at.character], "text": found.text}
    titles = [*([] if found.fits else [FIX]), EXPLAIN, *([ANOTHER] if found.asked else [])]
    return [
        types.CodeAction(title, kind=KINDS[title], data={**data, "title": title})
        for title in titles
    ]


async def resolve(ls: SquillServer, action: types.CodeAction) -> types.CodeAction:
    """The status says why, where there is no edit."""
    title, uri, start, text = _read_data(action.data)
    document = ls.document(uri)
    if document is None:
        return action
    asked, offset = ls.buffer(document), offset_at(document, start)
    if not asked.text.startswith(text, offset):
        ls.status.update(message=_GONE)
        return action
    work = {
        FIX: ls.rewriter.fix,
        EXPLAIN: ls.rewriter.explanation,
        ANOTHER: ls.rewriter.another,
    }[title]
    try:
        rewrite = await ls.in_flight.run(uri, "code action", work(asked, offset))
    except SquillError as error:
        ls.status.update(message=error.message)
        return action
    if rewrite is not None:
        action.edit = edit_of(ls, document, rewrite)
    return action


def _read_data(data: Any) -> tuple[str, str, types.Position, str]:
    match data:
        case {"uri": str(uri), "statement": start, "text": str(text), "title": str(title)} if (
            title in KINDS
        ):
            return title, uri, position_of(start), text
    raise foreign_data()
