"""The daemon's event loop: socket, connections, signals, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from typing import TYPE_CHECKING, Any

from squill.errors import DaemonBusyError, SocketPathError
from squill.wire import Response, pack
from squill_daemon.acceptor import Acceptor
from squill_daemon.connection import Connection, Unfinished
from squill_daemon.methods import DaemonMethods
from squill_daemon.model_thread import ModelState, ModelThread
from squill_daemon.peer import is_same_user
from squill_daemon.takeover import retire_older
from squill_daemon.upkeep import Upkeep

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from squill.model_choice import ModelChoice
    from squill.settings import DaemonSettings
    from squill_daemon.engine import Engine
    from squill_daemon.instance import Claim

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 128
DRAIN_SECONDS = 20.0
STOP_SECONDS = 10.0
WATCH_SECONDS = 10.0
_FLUSH_SECONDS = 2.0
_MOST_REFUSALS = 16


class Server:
    """Serves the claimed socket until `stop` is called or a signal comes."""

    def __init__(
        self, claim: Claim, engine: Engine, settings: DaemonSettings, choice: ModelChoice
    ) -> None:
        self._claim = claim
        self._acceptor = Acceptor(self._accept)
        self._stopped = asyncio.Event()
        self._hurried = asyncio.Event()
        self._retiring = False
        self._full = False
        self._serving: set[asyncio.Task[None]] = set()
        self._refusing: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()
        self._unfinished = Unfinished()
        upkeep = Upkeep(idle_seconds=60.0 * settings.idle_minutes)
        self._model = ModelThread(engine, self._state_changed, settings.queue_limit, upkeep)
        self._methods = DaemonMethods(self._model, self.stop, self.retire, self._broadcast, choice)

    def stop(self, drain: bool = False) -> None:
        """End. With ``drain``, the requests taken so far are answered first, within a time."""
        if not drain:
            self._hurried.set()
        self._stopped.set()

    def retire(self) -> None:
        """End when the last client has gone."""
        log.info("asked to leave with the last client")
        self._retiring = True
        self._leave_if_alone()

    def _leave_if_alone(self) -> None:
        if self._retiring and not self._serving:
            self.stop()

    async def run(self, on_listening: Callable[[], None]) -> bool:
        """Serve. ``on_listening`` is called once requests are taken.

        Returns whether the model thread has ended as well; if not, only ending the process helps.
        """
        _handle_signals(self.stop)
        self._acceptor.listen(self._claim.listener)
        self._model.start()
        on_listening()
        beside = [
            asyncio.create_task(work)
            for work in (retire_older(self._claim.paths), self._stay_reachable())
        ]
        await self._stopped.wait()
        log.info("stopping")
        for task in beside:
            task.cancel()
        self._acceptor.close()
        for connection in self._connections:
            connection.refuse_more()
        await self._drain()
        ended = await self._model.stop(STOP_SECONDS)
        await self._close_connections()
        return ended

    def _accept(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        if not is_same_user(accepted):
            log.warning("connection of another user refused")
            accepted.close()
        elif len(self._serving) >= MOST_CONNECTIONS:
            self._refuse(accepted)
        else:
            self._full = False
            task = asyncio.create_task(self._serve(accepted))
            self._serving.add(task)
            task.add_done_callback(self._served)

    def _refuse(self, accepted: socket.socket) -> None:
        if not self._full:  # once, however often the client tries again
            self._full = True
            log.warning("connection refused: %d are open already", MOST_CONNECTIONS)
        if len(self._refusing) >= _MOST_REFUSALS:
            accepted.close()
            return
        task = asyncio.create_task(_turn_away(accepted))
        self._refusing.add(task)
        task.add_done_callback(self._refusing.discard)

    async def _serve(self, accepted: socket.socket) -> None:
        try:
            reader, writer = await asyncio.open_unix_connection(sock=accepted)
        except OSError:
            accepted.close()
            return
        connection = Connection(reader, writer, self._methods, self._unfinished)
        if self._stopped.is_set():
            connection.refuse_more()
        self._connections.add(connection)
        try:
            await connection.serve()
        finally:
            self._connections.discard(connection)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._serving.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("connection failed", exc_info=error)
        self._leave_if_alone()

    async def _stay_reachable(self) -> None:
        """For months: bind again where a cleaner removed the socket, leave where we lost the lock.

        Without this, a daemon that nobody can reach would keep its model in memory, and its lock
        would keep the next one from starting.
        """
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._claim.lost:
                if not self._retiring:
                    log.warning("the lock's file is gone: another daemon may start")
                    self.retire()
            elif self._claim.unnamed:
                log.warning("the socket's file is gone: listening on a new one")
                with contextlib.suppress(SocketPathError):  # else at the next look
                    self._claim.rebind()
                    self._acceptor.listen(self._claim.listener)

    async def _drain(self) -> None:
        """Wait until what was taken is answered; a `stop` that does not drain ends the wait."""
        finished = asyncio.gather(*(c.finish() for c in self._connections))
        hurried = asyncio.ensure_future(self._hurried.wait())
        waits: list[asyncio.Future[Any]] = [finished, hurried]
        await asyncio.wait(waits, timeout=DRAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _close_connections(self) -> None:
        await asyncio.gather(*(_close(connection) for connection in self._connections))
        if self._serving:
            await asyncio.wait(self._serving, timeout=_FLUSH_SECONDS)

    def _state_changed(self, state: ModelState) -> None:
        log.info("model %s: %s", state.name, state.message)
        self._broadcast("status/changed", {"state": state.name, "message": state.message})

    def _broadcast(self, method: str, params: Mapping[str, Any]) -> None:
        for connection in self._connections:
            if connection.greeted:
                connection.notify(method, params)


async def _turn_away(accepted: socket.socket) -> None:
    """Say why. A socket closed at once would break before the client has read that."""
    busy = DaemonBusyError(
        f"{MOST_CONNECTIONS} clients are connected to the daemon already. "
        "Close some editors or shells, then try again."
    )
    try:
        reader, writer = await asyncio.open_unix_connection(sock=accepted)
    except OSError:
        accepted.close()
        return
    with contextlib.suppress(OSError, TimeoutError):
        writer.write(pack(Response.failure(None, busy)))
        writer.write_eof()
        async with asyncio.timeout(_FLUSH_SECONDS):
            while await reader.read(4096):
                pass
    writer.transport.abort()


async def _close(connection: Connection) -> None:
    """Answers go out first; a client that does not read them is cut off."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FLUSH_SECONDS):
            await connection.finish()
    await connection.close()


def _handle_signals(stop: Callable[[], None]) -> None:
    """SIGTERM and SIGINT end the daemon; SIGHUP too, where there is a terminal to lose."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if _has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, stop)
    else:  # in the background, or under `nohup`
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
