"""squill.fix: the statement at the cursor with names that exist."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from squill_lsp.handlers import commands
from squill_lsp.handlers.action_commands import apply_if_asked
from squill_lsp.handlers.edits import edit_of
from squill_lsp.handlers.place import place, unless_edited

if TYPE_CHECKING:
    from collections.abc import Mapping

    from squill_lsp.server import SquillServer


def register(server: SquillServer) -> None:
    commands.add(server, "squill.fix", fix)


async def fix(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    document, offset = place(ls, given)
    work = ls.rewriter.fix(ls.buffer(document), offset)
    rewrite = await unless_edited(ls, document, "fix", work)
    edit = edit_of(ls, document, rewrite)
    await apply_if_asked(ls, given, edit)
    changes = [asdict(change) for change in rewrite.changes]
    return {"sql": rewrite.sql, "changes": changes, "edit": edit}
