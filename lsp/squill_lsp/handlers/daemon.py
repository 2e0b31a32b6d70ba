"""squill.status, squill.restart, squill.doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from squill import __version__
from squill.errors import DaemonError
from squill_lsp.doctor import doctor
from squill_lsp.handlers import commands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from squill_lsp.server import SquillServer


def register(server: SquillServer) -> None:
    commands.add(server, "squill.status", status)
    commands.add(server, "squill.restart", restart)
    commands.add(server, "squill.doctor", examine)


async def status(ls: SquillServer, _: Mapping[str, Any]) -> dict[str, Any]:
    """``daemon`` is what it says of itself, or None with the reason in ``trouble``."""
    answer: dict[str, Any] = {"lsp": {"version": __version__, **ls.status.current.to_client()}}
    try:
        return answer | {"daemon": dict(await ls.link.status()), "trouble": ""}
    except DaemonError as error:
        return answer | {"daemon": None, "trouble": error.message}


async def restart(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    """Stop the daemon, answered requests first, and start it; the new one's status."""
    await ls.link.restart()
    return await status(ls, given)


async def examine(ls: SquillServer, _: Mapping[str, Any]) -> dict[str, Any]:
    return await doctor(next(iter(ls.folders()), None))
