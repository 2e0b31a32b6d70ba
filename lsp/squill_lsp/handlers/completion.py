"""textDocument/completion, for clients without inline completion: one item, filled on resolve.

The list is answered at once, so that nothing waits for the model. `completionItem/resolve` puts
the statement below the comment as an additional edit (as auto-imports do); the item's own edit
only clears what is typed of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.capabilities import get_capability

from squill_lsp.handlers.acceptance import accepted_command
from squill_lsp.handlers.resolve_data import COMMENT_GONE, foreign_data, position_of
from squill_lsp.positions import offset_at, position_at, range_between

if TYPE_CHECKING:
    from pygls.workspace import TextDocument

    from squill_lsp.comments import SqlRequest
    from squill_lsp.server import SquillServer

_RESOLVED_PROPERTIES = "text_document.completion.completion_item.resolve_support.properties"
_DOCUMENTATION_FORMATS = "text_document.completion.completion_item.documentation_format"
_LABEL_CHARACTERS = 60


def is_wanted(capabilities: types.ClientCapabilities) -> bool:
    """Whether the client lacks inline completion and fetches additional edits lazily."""
    properties = get_capability(capabilities, _RESOLVED_PROPERTIES, None) or ()
    has_inline = get_capability(capabilities, "text_document.inline_completion", None)
    return not has_inline and "additionalTextEdits" in properties


def register(server: SquillServer) -> None:
    options = types.CompletionOptions(resolve_provider=True)
    server.feature(types.TEXT_DOCUMENT_COMPLETION, options)(completion)
    server.feature(types.COMPLETION_ITEM_RESOLVE)(resolve)


def completion(ls: SquillServer, params: types.CompletionParams) -> types.CompletionList | None:
    document = ls.document(params.text_document.uri)
    if document is None:
        return None
    offset = offset_at(document, params.position)
    request = ls.suggester.request_at(ls.buffer(document), offset)
    if request is None or request.on_new_line or request.following or "\n" in request.typed:
        return None
    # Incomplete: what is typed belongs to the item, so it is asked for again on every key.
    return types.CompletionList(is_incomplete=True, items=[_item(document, request)])


def _item(document: TextDocument, request: SqlRequest) -> types.CompletionItem:
    question = request.question
    shown = question if len(question) <= _LABEL_CHARACTERS else question[:_LABEL_CHARACTERS] + "…"
    label = f"✨ SQL: {shown}"
    begun = range_between(document, request.insert_at - len(request.typed), request.insert_at)
    comment = position_at(document, request.start)
    return types.CompletionItem(
        label=label,
        kind=types.CompletionItemKind.Snippet,
        detail="Squill",
        filter_text=request.typed or label,
        sort_text="\U0010ffff",
        text_edit=types.TextEdit(begun, ""),
        # Some clients run the item's command as it was before it was resolved.
        command=accepted_command(document, begun, request),
        data={
            "uri": document.uri,
            "comment": [comment.line, comment.character],
            "cursor": [begun.end.line, begun.end.character],
            "question": question,
        },
    )


async def resolve(ls: SquillServer, item: types.CompletionItem) -> types.CompletionItem:
    if item.data is None:
        return item
    origin = _read_data(item.data)
    if (document := ls.document(origin.uri)) is None:
        return item
    request = _request_of(ls, document, origin)
    if request is None:
        ls.status.update(message=COMMENT_GONE)
        return item
    placed = await ls.in_flight.run(
        document.uri, "completion", ls.suggester.text_below(ls.buffer(document), request)
    )
    if placed is not None:
        where = range_between(document, request.insert_at, request.insert_at)
        item.additional_text_edits = [types.TextEdit(where, placed.text)]
        item.documentation = _documentation(ls, placed.text.strip())
        item.command = accepted_command(document, where, request, placed)
    return item


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where an item came from: its comment's start, and the cursor behind it."""

    uri: str
    comment: types.Position
    cursor: types.Position
    question: str


def _read_data(data: Any) -> _Origin:
    match data:
        case {"uri": str(uri), "comment": comment, "cursor": cursor, "question": str(question)}:
            return _Origin(uri, position_of(comment), position_of(cursor), question)
    raise foreign_data()


def _request_of(ls: SquillServer, document: TextDocument, origin: _Origin) -> SqlRequest | None:
    """The item's question as the document stands: some clients have inserted the item already."""
    asked = ls.buffer(document)
    for request in (
        ls.suggester.request_at(asked, offset_at(document, origin.cursor)),
        ls.suggester.comment_at(asked, offset_at(document, origin.comment)),
    ):
        if request is not None and request.question == origin.question:
            return request.below_comment()
    return None


def _documentation(ls: SquillServer, sql: str) -> str | types.MarkupContent:
    formats = get_capability(ls.client_capabilities, _DOCUMENTATION_FORMATS, None) or ()
    if types.MarkupKind.Markdown not in formats:
        return sql
    return types.MarkupContent(types.MarkupKind.Markdown, f"```sql\n{sql}\n```")
