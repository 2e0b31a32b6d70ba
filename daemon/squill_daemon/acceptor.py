"""Takes connections off a listening socket, and goes on doing so when the system refuses one.

asyncio's own servers schedule up to a hundred retries for each refusal, each of which schedules as
many again, where the process has no file descriptor left (CPython 3.11, `_accept_connection`).
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
_AT_ONCE = 16  # accepted before the connections that are there get their turn


class Acceptor:
    """Belongs to the event loop. ``on_accept`` owns the socket it is given; it must not raise."""

    def __init__(self, on_accept: Callable[[socket.socket], None]) -> None:
        self._on_accept = on_accept
        self._listener: socket.socket | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._refused = False

    def listen(self, listener: socket.socket) -> None:
        """Accept from ``listener``, and no longer from the one before."""
        self.close()
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._ready, listener)

    def close(self) -> None:
        """Accept no more; who has not been accepted sees the connection end."""
        if self._retry is not None:
            self._retry.cancel()
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _ready(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return  # that was all, for now
            except OSError as error:
                self._wait(listener, error)
                return
            self._refused = False
            self._on_accept(connection)

    def _wait(self, listener: socket.socket, error: OSError) -> None:
        """The socket stays readable while nothing can be accepted: look again a little later."""
        if not self._refused:
            self._refused = True
            reason = os.strerror(error.errno or 0)
            log.warning("connections wait: %s. Close some editors, or raise the limit.", reason)
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        self._retry = loop.call_later(
            RETRY_SECONDS, loop.add_reader, listener, self._ready, listener
        )
