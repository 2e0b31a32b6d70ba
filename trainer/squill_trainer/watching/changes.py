"""Bursts of changes, taken as one."""

from __future__ import annotations

import asyncio
import contextlib

LONGEST_SECONDS = 120.0
"""A burst that does not end is taken as over after so long."""


class Changes:
    """Belongs to one event loop; `happened` may be called from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._seen = asyncio.Event()

    def happened(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._seen.set)

    async def settled(self, quiet_seconds: float) -> None:
        """Return when something has changed and then nothing for ``quiet_seconds``."""
        await self._seen.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_SECONDS):
                while self._seen.is_set():
                    self._seen.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._seen.wait(), quiet_seconds)
        self._seen.clear()
