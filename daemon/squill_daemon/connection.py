"""One client's connection: reads requests, answers each exactly once.

Reading stops while the client does not take its answers, so a client that never reads costs no
more than the transport's write buffer and the requests already running.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Protocol

from squill.errors import CancelledError, ProtocolError, SquillError
from squill.wire import Decoder, Notification, Request, Response, Unreadable, arguments, pack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from squill.wire import Message
    from squill_daemon.jobs import Job

log = logging.getLogger(__name__)

_READ_BYTES = 64 * 1024
_WRITE_BUFFER_BYTES = 256 * 1024
_FLUSH_SECONDS = 2.0


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


class Connection:
    """Owned by the event loop. ``greeted`` says whether a matching `hello` has come."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, methods: Methods
    ) -> None:
        self.greeted = False
        self.jobs: dict[int, Job] = {}
        self._reader = reader
        self._writer = writer
        self._methods = methods
        self._answering: dict[int, asyncio.Task[None]] = {}
        writer.transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)

    async def serve(self) -> None:
        """Read and answer until the client goes or its bytes make no sense."""
        decoder = Decoder()
        try:
            while data := await self._reader.read(_READ_BYTES):
                for message in decoder.feed(data):
                    await self._receive(message)
        except ProtocolError as error:
            await self._reply(Response.failure(None, error))
        except OSError:
            pass  # the client has gone
        finally:
            self._methods.gone(self)
            for task in self._answering.values():
                task.cancel()
            await self.close()

    async def _receive(self, message: Message | Unreadable) -> None:
        match message:
            case Request(request_id) if request_id in self._answering:
                taken = ProtocolError(f"Request id {request_id} is in use. Count ids up.")
                await self._reply(Response.failure(request_id, taken))
            case Request():
                self._begin(message)
                await self._writer.drain()
            case Notification("cancel", params):
                with contextlib.suppress(ProtocolError):  # nobody waits for an answer
                    self._methods.cancel(self, arguments(params).get("id"))
            case Unreadable(request_id, error) if message.wants_reply:
                await self._reply(Response.failure(request_id, error))

    def _begin(self, request: Request) -> None:
        task = asyncio.create_task(self._answer(request))
        self._answering[request.id] = task
        task.add_done_callback(lambda _: self._answering.pop(request.id, None))

    async def _answer(self, request: Request) -> None:
        try:
            params = arguments(request.params)
            result = await self._methods.call(self, request.id, request.method, params)
            response = Response(request.id, None, result)
        except SquillError as error:
            if not isinstance(error, CancelledError):
                extra = {"method": request.method, "code": error.code}
                log.info("request refused", extra=extra)
            response = Response.failure(request.id, error)
        except Exception as error:  # exactly one reply, whatever a method does
            log.exception("request failed", extra={"method": request.method})
            message = f"The daemon failed: {error!r}. See `squill daemon logs`."
            response = Response.failure(request.id, SquillError(message))
        await self._reply(response)

    async def _reply(self, response: Response) -> None:
        try:
            frame = pack(response)
        except ProtocolError as error:  # a result that cannot travel is still answered
            frame = pack(Response.failure(response.id, error))
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

    async def finish(self) -> None:
        """Wait until the running requests are answered."""
        if self._answering:
            await asyncio.wait(list(self._answering.values()))

    async def close(self) -> None:
        """End the connection. A client that does not take what is left for it is cut off."""
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                await self._writer.wait_closed()
        self.abort()

    def abort(self) -> None:
        self._writer.transport.abort()
