"""The daemon's methods on adapters: which there are, which one a workspace uses."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from squill.adapters import user_registry
from squill.errors import AdapterError, InvalidParamsError
from squill_daemon.requests import AdapterRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from squill_daemon.model_thread import ModelThread

log = logging.getLogger(__name__)


class AdapterMethods:
    """Belongs to the event loop; the registry's files are read off it."""

    def __init__(self, model: ModelThread) -> None:
        self._model = model
        self._registry = user_registry()

    @property
    def default(self) -> str | None:
        """The digest in use where no workspace has its own; None for the base model."""
        try:
            return self._registry.active()
        except AdapterError as error:
            log.warning("%s", error.message)
            return None

    async def call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """
        Raises:
            AdapterError: it is not there, damaged or foreign; the one in use stays.
        """
        workspace = params.get("workspace") or ""
        if not isinstance(workspace, str):
            raise InvalidParamsError("`workspace` must be the path of a folder, as text.")
        match method:
            case "adapters/list":
                return await asyncio.to_thread(self._list, workspace)
            case "adapters/activate":
                return await self._activate(params.get("digest"), workspace)
        active, previous = await asyncio.to_thread(self._registry.rollback, workspace)
        return {"active": active, "previous": previous}

    def _list(self, workspace: str) -> dict[str, Any]:
        return {
            "active": self._registry.active(workspace),
            "adapters": [card.to_wire() for card in self._registry.cards()],
            "problems": [error.message for error in self._registry.damaged()],
        }

    async def _activate(self, digest: object, workspace: str) -> dict[str, Any]:
        """Loaded first, so that one that cannot be used never becomes the active one."""
        if digest is not None:
            if not isinstance(digest, str):
                raise InvalidParamsError("`digest` must be an adapter's digest, or nil for none.")
            digest = (await asyncio.to_thread(self._registry.card, digest)).digest
            await self._model.submit(AdapterRequest(digest)).result
        previous = await asyncio.to_thread(self._registry.activate, digest, workspace)
        return {"active": digest, "previous": previous}
