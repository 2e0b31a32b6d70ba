"""The daemon's event loop: socket, connections, signals, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from typing import TYPE_CHECKING

from squill_daemon.connection import Connection
from squill_daemon.methods import DaemonMethods
from squill_daemon.model_thread import ModelState, ModelThread
from squill_daemon.peer import is_same_user

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from squill_daemon.engine import Engine

log = logging.getLogger(__name__)

STOP_SECONDS = 10.0
_FLUSH_SECONDS = 2.0


class Server:
    """Serves one listening socket until `stop` is called or a signal comes."""

    def __init__(self, listener: socket.socket, engine: Engine, queue_limit: int) -> None:
        self._listener = listener
        self._stopped = asyncio.Event()
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._model = ModelThread(engine, self._state_changed, queue_limit)
        self._methods = DaemonMethods(self._model, self.stop)

    def stop(self) -> None:
        self._stopped.set()

    async def run(self, on_listening: Callable[[], None]) -> bool:
        """Serve. ``on_listening`` is called once requests are taken.

        Returns whether the model thread has ended as well; if not, only ending the process helps.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        server = await asyncio.start_unix_server(self._accept, sock=self._listener)
        self._model.start()
        on_listening()
        await self._stopped.wait()
        log.info("stopping")
        server.close()
        ended = await self._model.stop(STOP_SECONDS)
        await self._close_connections()
        return ended

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not is_same_user(writer.get_extra_info("socket")):
            log.warning("connection of another user refused")
            writer.transport.abort()
            return
        connection = Connection(reader, writer, self._methods)
        task = asyncio.create_task(connection.serve())
        self._connections[connection] = task
        task.add_done_callback(lambda _: self._connections.pop(connection, None))

    async def _close_connections(self) -> None:
        """Answers go out first; a client that does not read them is cut off."""
        connections = dict(self._connections)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                for connection in connections:
                    await connection.finish()
                    await connection.close()
        for connection in connections:
            connection.abort()
        if connections:
            await asyncio.wait(connections.values())

    def _state_changed(self, state: ModelState) -> None:
        log.info("model %s: %s", state.name, state.message)
        for connection in self._connections:
            if connection.greeted:
                connection.notify("status/changed", {"state": state.name, "message": state.message})
