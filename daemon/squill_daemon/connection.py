"""One client's connection: reads requests, answers each exactly once.

Reading stops while the client does not take its answers, so a client that never reads costs no
more than the transport's write buffer and the requests already running. A client that ends its
side of the connection counts as gone: what it still waits for is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Protocol

from squill.errors import CancelledError, DaemonStoppingError, ProtocolError, SquillError
from squill.wire import Decoder, Notification, Request, Response, Unreadable, arguments, pack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from squill.wire import Message
    from squill_daemon.jobs import Job

log = logging.getLogger(__name__)

_READ_BYTES = 64 * 1024
_WRITE_BUFFER_BYTES = 256 * 1024
_FLUSH_SECONDS = 2.0

GREETING_SECONDS = 30.0
"""A connection without a `hello` for so long is ended: it may keep others out."""

MOST_REQUESTS = 256
"""Unanswered requests of one connection; more are read as these are answered."""

MOST_UNFINISHED_BYTES = 64 * 1024 * 1024
"""Of frames that have not come whole, all connections together: eight of the longest."""

_WHILE_STOPPING = ("status", "cancel", "shutdown")


class Methods(Protocol):
    """What answers the requests of all connections."""

    async def call(
        self, connection: Connection, request_id: int, method: str, params: Mapping[str, Any]
    ) -> Any:
        """
        Raises:
            SquillError: becomes the error of the response.
        """

    def cancel(self, connection: Connection, request_id: object) -> bool:
        """Cancel a running request of this connection; False where there is none of that id."""

    def gone(self, connection: Connection) -> None:
        """The client has vanished: stop its work."""


class Unfinished:
    """Counts the bytes of the frames that have not come whole, over all connections."""

    def __init__(self) -> None:
        self._bytes: dict[Connection, int] = {}

    def hold(self, connection: Connection, size: int) -> None:
        """
        Raises:
            ProtocolError: there is no room for so much of one more frame.
        """
        self._bytes[connection] = size
        if size and sum(self._bytes.values()) > MOST_UNFINISHED_BYTES:
            raise ProtocolError(
                f"The daemon holds {MOST_UNFINISHED_BYTES} bytes of unfinished messages already; "
                "the connection is closed. Send messages whole."
            )

    def forget(self, connection: Connection) -> None:
        self._bytes.pop(connection, None)


class Connection:
    """Owned by the event loop. ``greeted`` says whether a matching `hello` has come."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        methods: Methods,
        unfinished: Unfinished,
    ) -> None:
        self.greeted = False
        self.jobs: dict[int, Job] = {}
        self._reader = reader
        self._writer = writer
        self._methods = methods
        self._unfinished = unfinished
        self._stopping = False
        self._in_use: set[int] = set()
        self._answering: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MOST_REQUESTS)
        writer.transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)

    async def serve(self) -> None:
        """Read and answer until the client goes or its bytes make no sense."""
        expiry = asyncio.get_running_loop().call_later(GREETING_SECONDS, self._expire)
        decoder = Decoder()
        try:
            while data := await self._reader.read(_READ_BYTES):
                for message in decoder.feed(data):
                    await self._receive(message)
                self._unfinished.hold(self, decoder.pending)
        except ProtocolError as error:
            await self._reply(Response.failure(None, error))
        except OSError:
            pass  # the client has gone
        finally:
            expiry.cancel()
            self._unfinished.forget(self)
            self._methods.gone(self)
            for task in self._answering:
                task.cancel()
            await self.close()

    def _expire(self) -> None:
        if self.greeted:
            return
        late = ProtocolError(
            f"No `hello` came within {GREETING_SECONDS:.0f} s; the connection is closed. "
            "Connect again and say `hello` first."
        )
        self._writer.write(pack(Response.failure(None, late)))
        if self._writer.transport.get_write_buffer_size():
            self.abort()  # it does not read either
        else:
            self._writer.close()  # and `serve` sees the end

    async def _receive(self, message: Message | Unreadable) -> None:
        match message:
            case Request(request_id) if request_id in self._in_use:
                taken = ProtocolError(f"Request id {request_id} is in use. Count ids up.")
                await self._reply(Response.failure(request_id, taken))
            case Request():
                await self._room.acquire()
                self._begin(message)
            case Notification("cancel", params):
                with contextlib.suppress(ProtocolError):  # nobody waits for an answer
                    self._methods.cancel(self, arguments(params).get("id"))
            case Unreadable(request_id, error) if message.wants_reply:
                await self._reply(Response.failure(request_id, error))

    def _begin(self, request: Request) -> None:
        self._in_use.add(request.id)
        task = asyncio.create_task(self._answer(request))
        self._answering.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        self._room.release()

    async def _answer(self, request: Request) -> None:
        response = await self._response(request)
        self._in_use.discard(request.id)  # from here on the client may use it again
        await self._reply(response)

    async def _response(self, request: Request) -> Response:
        try:
            self._check_open(request.method)
            params = arguments(request.params)
            result = await self._methods.call(self, request.id, request.method, params)
        except SquillError as error:
            if not isinstance(error, CancelledError):
                extra = {"method": request.method, "code": error.code}
                log.info("request refused", extra=extra)
            return Response.failure(request.id, error)
        except Exception as error:  # exactly one reply, whatever a method does
            log.exception("request failed", extra={"method": request.method})
            message = f"The daemon failed: {error!r}. See `squill daemon logs`."
            return Response.failure(request.id, SquillError(message))
        return Response(request.id, None, result)

    def _check_open(self, method: str) -> None:
        if self._stopping and method not in _WHILE_STOPPING:
            raise DaemonStoppingError(
                "The daemon is stopping and takes no more requests. Start it again with "
                "`squill daemon start`, then ask once more."
            )

    async def _reply(self, response: Response) -> None:
        try:
            frame = pack(response)
        except ProtocolError as error:  # a result that cannot travel is still answered
            frame = pack(Response.failure(response.id, error))
        if self._writer.is_closing():
            return  # nobody is left to read it
        with contextlib.suppress(ConnectionError):
            self._writer.write(frame)
            await self._writer.drain()

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification, or drop it where the client does not keep up.

        All notifications tell a whole state, so a later one makes up for a dropped one.
        """
        transport = self._writer.transport
        if not transport.is_closing() and transport.get_write_buffer_size() < _WRITE_BUFFER_BYTES:
            self._writer.write(pack(Notification(method, [dict(params)])))

    def refuse_more(self) -> None:
        """Answer requests that come from now on with `DaemonStoppingError`."""
        self._stopping = True

    async def finish(self) -> None:
        """Wait until the running requests are answered."""
        if self._answering:
            await asyncio.wait(list(self._answering))

    async def close(self) -> None:
        """End the connection. A client that does not take what is left for it is cut off."""
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                await self._writer.wait_closed()
        self.abort()

    def abort(self) -> None:
        self._writer.transport.abort()
