"""The trainer process: one for each user, for as long as somebody wants something watched."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from typing import TYPE_CHECKING

from squill_trainer.watching.workspace import WorkspaceWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from squill_trainer.watching.requests import WatchRequest, WatchRequests

REQUEST_SECONDS = 2.0
"""Between two looks at who wants what, and whether they still live."""

log = logging.getLogger(__name__)


async def serve(requests: WatchRequests, say: Callable[[str], None]) -> bool:
    """Watch what is asked for, until nobody asks; True where SIGTERM has ended it before."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    watches: dict[WatchRequest, asyncio.Task[None]] = {}
    one_at_a_time = asyncio.Lock()
    try:
        while wanted := set(requests.standing().values()):
            for request in [request for request in watches if request not in wanted]:
                await _end(watches.pop(request))
            for request in wanted - watches.keys():
                watch = WorkspaceWatch(request, one_at_a_time, say)
                watches[request] = asyncio.create_task(watch.run())
            for task in watches.values():
                if task.done():
                    task.result()  # a defect: end, and let the next trainer try
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(stopped.wait(), REQUEST_SECONDS)
        return False
    finally:
        for task in watches.values():
            await _end(task)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
