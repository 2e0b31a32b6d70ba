"""The client side of the daemon: one asyncio session over its socket. Never imports MLX."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shlex
from typing import TYPE_CHECKING, Any

from squill import __version__
from squill.children import NEUTRAL_FOLDER, own_module
from squill.errors import DaemonStoppingError, DaemonUnavailableError, ProtocolError
from squill.paths import PROTOCOL_VERSION, runtime_paths
from squill.private import check_private_directory
from squill.wire import (
    Decoder,
    Message,
    Notification,
    Request,
    Response,
    Unreadable,
    arguments,
    pack,
    result_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from squill.errors import SquillError

    OnNotification = Callable[[str, Mapping[str, Any]], None]
    OnPartial = Callable[[str], None]

CONNECT_SECONDS = 5.0
START_SECONDS = 60.0
RESTART_SECONDS = 180.0
"""For a daemon to answer what it was asked, to be killed where it hangs, and for the next one."""
SILENCE_SECONDS = 4.0
"""A call that is not answered for so long makes the client ask for a sign of life."""
LIFE_SECONDS = 3.0
"""For that sign; a daemon at work gives it at once, for its event loop waits for no model."""
LEAVE_SECONDS = 15.0
"""For a stopping daemon to end the connection, longer than it takes for its orderly end."""

_READ_BYTES = 64 * 1024
_SILENT = "The daemon does not answer. Run `squill daemon restart`."


class DaemonClient:
    """One greeted connection. Belongs to the event loop that made it.

    Requests may run side by side. Cancelling the task that awaits `call` cancels the request in
    the daemon, between two tokens. ``silence`` says so where the connection was given up because
    the daemon hangs.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_notification: OnNotification | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_notification = on_notification
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Response]] = {}
        self._partials: dict[int, OnPartial] = {}
        self._lost: DaemonUnavailableError | None = None
        self._parting = ""
        self._messages = 0
        self._greeted = False
        self._reading = asyncio.create_task(self._read())
        self.hello: Mapping[str, Any] = {}
        self.silence: DaemonUnavailableError | None = None

    @classmethod
    async def connect(
        cls,
        path: Path | None = None,
        *,
        on_notification: OnNotification | None = None,
        name: str = "squill",
        timeout: float | None = None,  # noqa: ASYNC109 (one limit over connect and hello)
    ) -> DaemonClient:
        """Connect to the socket (default: the current user's daemon) and say hello.

        ``on_notification`` receives the method and the map of each notification that is not a
        partial result of a call, on the event loop; it must not raise.

        Raises:
            DaemonUnavailableError: nothing answers there within ``timeout`` seconds (default:
                `CONNECT_SECONDS`).
            VersionMismatchError: the daemon speaks another protocol version.
            SocketPathError: other users can reach the socket's directory.
        """
        path = path or runtime_paths().socket
        try:
            async with asyncio.timeout(CONNECT_SECONDS if timeout is None else timeout):
                check_private_directory(path.parent)
                reader, writer = await asyncio.open_unix_connection(path)
                client = cls(reader, writer, on_notification)
                await client._greet(name)
        except TimeoutError as error:
            raise DaemonUnavailableError(
                f"The daemon at {path} does not answer. Run `squill daemon restart`."
            ) from error
        except OSError as error:
            raise DaemonUnavailableError(
                "No daemon is running. Start one with `squill daemon start`."
            ) from error
        return client

    async def _greet(self, name: str) -> None:
        greeting = {
            "protocol": PROTOCOL_VERSION,
            "client": {"name": name, "version": __version__},
        }
        try:
            self.hello = await self.call("hello", greeting)
            self._greeted = True
        except BaseException:  # cancelled included: the connection has no owner yet
            await self.close()
            raise

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        on_partial: OnPartial | None = None,
    ) -> Any:
        """Send one request and wait for its result.

        ``on_partial`` receives the text so far of a running `generate`.

        However long the work takes, a daemon that gives no sign of life meanwhile is given up.

        Raises:
            SquillError: the error that the daemon answered with, in its own class.
            DaemonUnavailableError: the connection ended before the answer, or the daemon hangs.
            FrameTooLargeError: the request is longer than one frame may be.
        """
        request = Request(next(self._ids), method, [dict(params or {})])
        frame = pack(request)
        if self._lost is not None:
            raise DaemonUnavailableError(self._lost.message)
        reply: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = reply
        if on_partial is not None:
            self._partials[request.id] = on_partial
        try:
            # Not drained: a daemon that does not read would hold us where its silence goes unseen.
            self._writer.write(frame)
            while not (await asyncio.wait([reply], timeout=SILENCE_SECONDS))[0]:
                await self._require_life()
            return result_of(reply.result())
        except asyncio.CancelledError:
            self._cancel(request.id)
            raise
        finally:
            self._waiting.pop(request.id, None)
            self._partials.pop(request.id, None)

    async def _require_life(self) -> None:
        """Lose the connection, and with it all that wait, if the daemon says nothing any more."""
        if not self._greeted:
            return  # `connect` has a limit of its own
        before = self._messages
        sign: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        probe = Request(next(self._ids), "status", [{}])
        self._waiting[probe.id] = sign
        try:
            self._writer.write(pack(probe))
            await asyncio.wait([sign], timeout=LIFE_SECONDS)
        finally:
            self._waiting.pop(probe.id, None)
        if sign.done():
            sign.exception()  # a connection that was lost meanwhile is its callers' to tell
        elif self._messages == before:
            self.silence = DaemonUnavailableError(_SILENT)
            self._lose(self.silence)

    def _cancel(self, request_id: int) -> None:
        if self._lost is None and not self._writer.is_closing():
            self._writer.write(pack(Notification("cancel", [{"id": request_id}])))

    async def _read(self) -> None:
        decoder = Decoder()
        reason = "The daemon closed the connection. Start it again with `squill daemon start`."
        try:
            while data := await self._reader.read(_READ_BYTES):
                for message in decoder.feed(data):
                    self._receive(message)
        except (OSError, ProtocolError) as error:
            reason = f"The connection to the daemon broke ({error}). Run `squill daemon restart`."
        finally:
            self._lose(DaemonUnavailableError(self._parting or reason))

    def _lose(self, error: DaemonUnavailableError) -> None:
        self._lost = self._lost or error
        # Not `close`: that would wait for a daemon that no longer reads.
        self._writer.transport.abort()
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(DaemonUnavailableError(self._lost.message))

    def _receive(self, message: Message | Unreadable) -> None:
        self._messages += 1
        match message:
            case Response(int(request_id)):
                reply = self._waiting.get(request_id)
                if reply is not None and not reply.done():
                    reply.set_result(message)
            case Response(None, {"message": str(reason)}):  # it closes the connection, and says why
                self._parting = reason
            case Notification("generate/partial", [{"id": int(request_id), "sql": str(text)}]):
                if on_partial := self._partials.get(request_id):
                    on_partial(text)
            case Notification(method, params) if self._on_notification is not None:
                with contextlib.suppress(ProtocolError):  # a malformed notification says nothing
                    self._on_notification(method, arguments(params))

    async def wait_closed(self) -> None:
        """Returns when the connection has ended, from either side."""
        await asyncio.wait([self._reading])

    @property
    def connected(self) -> bool:
        return self._lost is None

    async def has_left(self, error: SquillError) -> bool:
        """Whether a call failed with ``error`` because its daemon ended: the next may be asked.

        Returns when a stopping daemon has gone, so that the next one can come. False for a daemon
        that hangs: it still stands where the next one would.
        """
        if isinstance(error, DaemonStoppingError):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait_closed(), LEAVE_SECONDS)
            await self.close()
            return True
        return not self.connected and self.silence is None

    async def close(self) -> None:
        """End the connection; the daemon cancels what this client still waits for."""
        self._reading.cancel()
        await self.wait_closed()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def __aenter__(self) -> DaemonClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def daemon_command() -> list[str]:
    """How the daemon's own command is called (``SQUILL_DAEMON_COMMAND``, else this Python)."""
    if override := os.environ.get("SQUILL_DAEMON_COMMAND"):
        return shlex.split(override)
    return own_module("squill_daemon")


async def start_daemon(options: Sequence[str] = ()) -> None:
    """Return when a daemon answers on the socket; start one where none runs.

    Any number of starters may call this at once: the daemon's lock leaves one of them running.
    ``options`` are those of ``squill daemon start``, such as ``--model``; paths in them are
    absolute.

    Raises:
        DaemonUnavailableError: it could not be started; the message carries its reason.
    """
    await _run_daemon_command("start", options, START_SECONDS)


async def restart_daemon(options: Sequence[str] = ()) -> None:
    """End the daemon, which first answers what it was asked, and start another; see `start_daemon`.

    Raises:
        DaemonUnavailableError: as `start_daemon`.
    """
    await _run_daemon_command("restart", options, RESTART_SECONDS)


async def _run_daemon_command(action: str, options: Sequence[str], seconds: float) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *daemon_command(),
            action,
            "--no-wait",
            *options,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            cwd=NEUTRAL_FOLDER,
        )
    except OSError as error:
        raise DaemonUnavailableError(
            f"The daemon could not be started: {error}. Correct SQUILL_DAEMON_COMMAND, "
            "or reinstall Squill."
        ) from error
    try:
        async with asyncio.timeout(seconds):
            _, errors = await process.communicate()
    except TimeoutError as error:
        raise DaemonUnavailableError(
            f"The daemon did not answer within {seconds:.0f} s of its start. "
            "See `squill daemon logs`."
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        reason = errors.decode(errors="replace").strip() or f"exit code {process.returncode}"
        raise DaemonUnavailableError(f"The daemon could not be started: {reason}")


async def connect_or_start(
    *,
    start: bool = True,
    options: Sequence[str] = (),
    on_notification: OnNotification | None = None,
    name: str = "squill",
) -> DaemonClient:
    """Connect to the running daemon, else start one (where ``start`` allows it) and connect.

    Raises:
        DaemonUnavailableError, VersionMismatchError, SocketPathError: as `DaemonClient.connect`.
    """
    try:
        return await DaemonClient.connect(on_notification=on_notification, name=name)
    except DaemonUnavailableError as error:
        hangs = isinstance(error.__cause__, TimeoutError)
        if hangs or not start:  # one that hangs keeps its place, so a second could not start
            raise
    await start_daemon(options)
    return await DaemonClient.connect(on_notification=on_notification, name=name)
