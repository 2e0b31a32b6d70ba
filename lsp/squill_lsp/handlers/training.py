"""``squill.retrain``, ``squill.learned``: a training by command, and what all of them came to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.training import TrainingHistory
from squill_lsp.editor_settings import section
from squill_lsp.handlers import adapters, commands
from squill_lsp.handlers.examples import workspace_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from squill_lsp.server import SquillServer


def register(server: SquillServer) -> None:
    commands.add(server, "squill.retrain", retrain)
    commands.add(server, "squill.learned", learned)


async def retrain(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    """Begin a training; how it goes and what it came to is told as of any other."""
    folder = Path(workspace_of(ls, given))
    await ls.link.connected()  # or nothing would be heard of it
    editor = section(ls.editor_settings)
    trusted = ls.trusts(folder)  # said in any case: a command of an editor adopts no pairs
    return {"started": await asyncio.to_thread(ls.trainers.once, folder, editor, trusted)}


async def learned(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    """The adapters with their figures, and each training with its losses, oldest first."""
    folder = workspace_of(ls, given)
    shown = await adapters.adapters(ls, given)
    trainings = await asyncio.to_thread(TrainingHistory(Path(folder)).read)
    return {"workspace": folder, **shown, "trainings": [each.to_wire() for each in trainings]}
