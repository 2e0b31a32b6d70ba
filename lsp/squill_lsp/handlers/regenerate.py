"""squill.regenerate: another statement for the question at the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from squill.errors import UsageError
from squill_lsp.handlers import commands
from squill_lsp.handlers.action_commands import apply_if_asked
from squill_lsp.handlers.edits import edit_of
from squill_lsp.handlers.place import place, unless_edited

if TYPE_CHECKING:
    from collections.abc import Mapping

    from squill_lsp.server import SquillServer


def register(server: SquillServer) -> None:
    commands.add(server, "squill.regenerate", regenerate)


async def regenerate(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    document, offset = place(ls, given)
    dialect = commands.text(given, "dialect") if given.get("dialect") else ""
    _require_model(ls, given)
    work = ls.rewriter.another(ls.buffer(document), offset, dialect)
    rewrite = await unless_edited(ls, document, "regenerate", work)
    edit = edit_of(ls, document, rewrite)
    await apply_if_asked(ls, given, edit)
    return {"sql": rewrite.sql, "edit": edit}


def _require_model(ls: SquillServer, given: Mapping[str, Any]) -> None:
    """The daemon holds one model; another one is a matter of its start."""
    wanted, served = given.get("model"), ls.status.current.model
    if wanted and served and wanted != served:
        raise UsageError(
            f"The daemon serves {served}, not {wanted}. "
            f"Run `squill daemon restart --model {wanted}` first."
        )
