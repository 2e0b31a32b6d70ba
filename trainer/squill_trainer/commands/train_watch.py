"""``squill train --watch``."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from squill_trainer.watching.requests import WatchRequest, WatchRequests
from squill_trainer.watching.serving import serve

if TYPE_CHECKING:
    from collections.abc import Callable

_AGAIN_SECONDS = 2.0


def watch(workspace: str, model: str, pid: int | None, say: Callable[[str], None]) -> None:
    """Watch ``workspace`` for as long as the process ``pid`` lives (None: this one).

    Where a trainer watches already, it takes the workspace over: for another process we are done
    then, for our own we wait to take its place.
    """
    requests = WatchRequests()
    own = requests.add(WatchRequest(workspace, os.getpid() if pid is None else pid, model))
    told = False
    try:
        while requests.standing():
            with requests.sole() as is_sole:
                if is_sole and asyncio.run(serve(requests, say)):
                    return
            if is_sole:
                continue  # somebody may have asked between the last look and the lock's release
            if pid is not None:
                return
            if not told:
                say(
                    "Another trainer is at work, and watches this folder too. Ctrl-C ends this one."
                )
            told = True
            time.sleep(_AGAIN_SECONDS)
    finally:
        if pid is None:
            own.unlink(missing_ok=True)
