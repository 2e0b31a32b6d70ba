"""Work-done progress in the editor while the daemon starts or a model loads."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from pygls.progress import Progress

    from squill_lsp.status import Status

PATIENCE_SECONDS = 0.3
"""What takes no longer is not shown."""


class LoadingProgress:
    """One progress at a time, from the first busy status to the next that is not."""

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._spawn = spawn
        self._done: asyncio.Event | None = None

    def follow(self, status: Status, progress: Progress) -> None:
        busy = status.state in ("starting", "loading")
        if busy and self._done is None:
            self._done = asyncio.Event()
            self._spawn(_show(progress, self._done))
        elif not busy and self._done is not None:
            self._done.set()
            self._done = None


async def _show(progress: Progress, done: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(done.wait(), PATIENCE_SECONDS)
    except TimeoutError:
        token = f"squill-{uuid.uuid4()}"
    else:
        return
    try:
        await progress.create_async(token)
    except JsonRpcException:
        return  # the editor does not want one
    progress.begin(token, types.WorkDoneProgressBegin(title="Squill: loading the model"))
    try:
        await done.wait()
    finally:
        progress.end(token, types.WorkDoneProgressEnd())
        progress.tokens.pop(token, None)
