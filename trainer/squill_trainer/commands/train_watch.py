"""``squill train --watch``."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from squill_trainer.watching.requests import WatchRequests
from squill_trainer.watching.serving import serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from squill_trainer.watching.requests import WatchRequest

_AGAIN_SECONDS = 2.0


def watch(request: WatchRequest, say: Callable[[str], None]) -> None:
    """Watch what ``request`` asks for, for as long as its process lives.

    Where a trainer watches already, it takes the workspace over: for another process we are done
    then, for our own we wait to take its place.
    """
    requests = WatchRequests()
    own = requests.add(request)
    is_ours = request.pid == os.getpid()
    told = False
    try:
        while requests.standing():
            with requests.sole() as is_sole:
                if is_sole and asyncio.run(serve(requests, say)):
                    return
            if is_sole:
                continue  # somebody may have asked between the last look and the lock's release
            if not is_ours:
                return
            if not told:
                say(
                    "Another trainer is at work, and watches this folder too. Ctrl-C ends this one."
                )
            told = True
            time.sleep(_AGAIN_SECONDS)
    finally:
        if is_ours:
            own.unlink(missing_ok=True)
