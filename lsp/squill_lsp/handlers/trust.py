"""squill/trust, squill.trust: the workspace's trust changed; squill/untrusted: what is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from squill.errors import UsageError
from squill.pairs.files import FOLDER
from squill.settings import restricted_settings
from squill.trust import distrust, trust
from squill_lsp.editor_settings import TRUSTED
from squill_lsp.handlers import commands
from squill_lsp.handlers.workspace import settle

if TYPE_CHECKING:
    from pathlib import Path

    from squill_lsp.server import SquillServer

CHANGED = "squill/trust"
LEFT_OUT = "squill/untrusted"


def register(server: SquillServer) -> None:
    server.feature(CHANGED)(changed)
    commands.add(server, "squill.trust", trust_folders)


def said(options: Any) -> bool | None:
    """What an editor's options say of the workspace's trust; None where they don't."""
    value = (
        options.get(TRUSTED) if isinstance(options, Mapping) else getattr(options, TRUSTED, None)
    )
    return value if isinstance(value, bool) else None


def changed(ls: SquillServer, params: Any) -> None:
    """The editor's user granted trust, or took it back."""
    trusted = said(params)
    if trusted is None:
        ls.log(f"{CHANGED} needs `trusted`, true or false; it is left out.")
        return
    ls.trusted = trusted
    ls.spawn(_settle_again(ls))


async def trust_folders(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    """Put the editor's folders on the user's list, or take them off with ``trusted`` false."""
    folders = ls.folders()
    trusted = given.get(TRUSTED, True)
    if not folders:
        raise UsageError("The editor has no folder open, so there is none to trust.")
    if not isinstance(trusted, bool):
        raise UsageError("`trusted` must be true or false.")
    for folder in folders:
        await asyncio.to_thread(trust if trusted else distrust, folder)
    if ls.trusted is not None:
        ls.trusted = trusted
    await _settle_again(ls)
    return {"folders": [str(folder) for folder in folders], TRUSTED: trusted}


async def _settle_again(ls: SquillServer) -> None:
    ls.told_left_out.clear()
    ls.apply_settings(ls.editor_settings)
    await settle(ls)
    await ls.watch_pairs()
    await tell_left_out(ls)


async def tell_left_out(ls: SquillServer) -> None:
    """Tell the editor, once for each folder, what isn't used because nobody trusts it."""
    for folder in ls.folders():
        if ls.trusts(folder) or folder in ls.told_left_out:
            continue
        names = await asyncio.to_thread(restricted_settings, folder)
        count = await _pairs_left_out(ls, folder)
        if not names and not count:
            continue
        ls.told_left_out.add(folder)
        what = [*([f"{count} example pairs"] if count else []), *(f"`{name}`" for name in names)]
        told = {
            "folder": str(folder),
            "settings": list(names),
            "pairs": count,
            "message": f"{folder} isn't trusted, so these are left out: {', '.join(what)}.",
        }
        ls.log(f"{told['message']} `squill trust add` in that folder trusts it.")
        ls.protocol.notify(LEFT_OUT, told)


async def _pairs_left_out(ls: SquillServer, folder: Path) -> int:
    if not await asyncio.to_thread((folder / FOLDER).is_dir):
        return 0
    return await ls.examples.left_out(folder)
