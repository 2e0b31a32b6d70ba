"""``squill.adapters``, ``activateAdapter``, ``rollbackAdapter``, ``learned``: what was learned."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from squill.adapters import user_registry
from squill_lsp.handlers import commands
from squill_lsp.handlers.examples import workspace_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from squill.adapters import AdapterCard
    from squill_lsp.server import SquillServer

NONE = "none"
"""In the place of a digest: the model without an adapter."""


def register(server: SquillServer) -> None:
    commands.add(server, "squill.adapters", adapters)
    commands.add(server, "squill.activateAdapter", activate)
    commands.add(server, "squill.rollbackAdapter", roll_back)


async def adapters(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    return await asyncio.to_thread(_listed, workspace_of(ls, given))


def _listed(workspace: str) -> dict[str, Any]:
    registry = user_registry()
    active = registry.active(workspace)
    return {
        "active": active,
        "adapters": [_shown(card, active) for card in registry.cards()],
        "problems": [problem.message for problem in registry.damaged()],
    }


def _shown(card: AdapterCard, active: str | None) -> dict[str, Any]:
    return {
        "digest": card.digest,
        "created": card.created,
        "pairs": len(card.pairs),
        "figures": dict(card.figures),
        "reason": card.note,
        "parent": card.parent,
        "active": card.digest == active,
    }


async def activate(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    """Through the daemon, which refuses what it cannot use."""
    digest = commands.text(given, "digest")
    params = {
        "digest": None if digest == NONE else digest,
        "workspace": workspace_of(ls, given),
    }
    return dict(await ls.link.call("adapters/activate", params))


async def roll_back(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    return dict(await ls.link.call("adapters/rollback", {"workspace": workspace_of(ls, given)}))
