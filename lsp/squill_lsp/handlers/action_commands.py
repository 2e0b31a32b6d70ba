"""Code actions for clients that resolve none: commands, whose edits the server has applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.capabilities import get_capability

from squill.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pygls.workspace import TextDocument

    from squill_lsp.server import SquillServer

_RESOLVED = "text_document.code_action.resolve_support.properties"
_COMMANDS = {
    "Write SQL from this comment": "squill.regenerate",
    "Write another query for this comment": "squill.regenerate",
    "Fix this statement": "squill.fix",
    "Explain this query in a comment": "squill.explain",
}


def resolves_edits(ls: SquillServer) -> bool:
    """Whether the client fetches an action's edit when it is chosen (`codeAction/resolve`)."""
    return "edit" in (get_capability(ls.client_capabilities, _RESOLVED, None) or ())


def with_command(
    action: types.CodeAction, document: TextDocument, position: types.Position
) -> types.CodeAction | None:
    """The action by a command, or None where there is none for it."""
    name = _COMMANDS.get(action.title)
    if name is None:
        return None
    place = {"line": position.line, "character": position.character}
    given = {"uri": document.uri, "position": place, "apply": True}
    return types.CodeAction(
        action.title, kind=action.kind, command=types.Command(action.title, name, arguments=[given])
    )


async def apply_if_asked(
    ls: SquillServer, given: Mapping[str, Any], edit: types.WorkspaceEdit
) -> None:
    """
    Raises:
        CancelledError: the client does not want the edit any more.
    """
    if given.get("apply") is True:
        done = await ls.workspace_apply_edit_async(types.ApplyWorkspaceEditParams(edit))
        if not done.applied:
            raise CancelledError("The editor did not apply the edit. Ask again.")
