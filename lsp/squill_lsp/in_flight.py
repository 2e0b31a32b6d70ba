"""Requests that run in the background and go stale: by a newer request, or by an edit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class InFlight:
    """At most one piece of work per document and kind. Belongs to the event loop."""

    def __init__(self) -> None:
        self._tasks: dict[tuple[str, str], asyncio.Task[Any]] = {}

    async def run(self, uri: str, kind: str, work: Coroutine[Any, Any, T]) -> T | None:
        """Its result, or None when something newer made it stale; ends what it makes stale.

        Cancelling the caller (the editor's ``$/cancelRequest``) cancels the work.
        """
        key = (uri, kind)
        self._cancel(key)
        task = asyncio.create_task(work)
        self._tasks[key] = task
        try:
            return await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                raise
            return None
        finally:
            if self._tasks.get(key) is task:
                del self._tasks[key]

    def edited(self, uri: str) -> None:
        """The document changed: nothing that runs for it is of use any more."""
        for key in [key for key in self._tasks if key[0] == uri]:
            self._cancel(key)

    def _cancel(self, key: tuple[str, str]) -> None:
        if task := self._tasks.pop(key, None):
            task.cancel()
