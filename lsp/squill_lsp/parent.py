"""The editor's process: where it is gone, the server leaves, and its trainer with it.

The end of standard input usually says so, but not where another process holds the pipe open.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LOOK_SECONDS = 2.0


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


async def leave_with(pid: int, close: Callable[[], Awaitable[None]]) -> None:
    """End this process, after ``close``, once the process ``pid`` is gone."""
    while is_alive(pid):  # noqa: ASYNC110 (the end of another process gives no event)
        await asyncio.sleep(LOOK_SECONDS)
    try:
        await close()
    finally:
        # A thread still reads standard input, and would keep the interpreter from ending.
        os._exit(1)
