"""squill.explain: the statement at the cursor as a comment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from squill_lsp.handlers import commands
from squill_lsp.handlers.action_commands import apply_if_asked
from squill_lsp.handlers.edits import edit_of
from squill_lsp.handlers.place import place, unless_edited

if TYPE_CHECKING:
    from collections.abc import Mapping

    from squill_lsp.server import SquillServer


def register(server: SquillServer) -> None:
    commands.add(server, "squill.explain", explain)


async def explain(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    document, offset = place(ls, given)
    work = ls.rewriter.explanation(ls.buffer(document), offset)
    rewrite = await unless_edited(ls, document, "explain", work)
    edit = edit_of(ls, document, rewrite)
    await apply_if_asked(ls, given, edit)
    return {"comment": rewrite.text, "edit": edit}
