"""The language server's tie to the daemon: started when needed, taken up again when it breaks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from squill.client import DaemonClient, connect_or_start
from squill.errors import DaemonUnavailableError, SquillError, from_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from squill_lsp.status import State

    OnState = Callable[[State, str, str], None]

PAUSE_SECONDS = 5.0
"""After a failed start the next one waits so long; requests in between fail at once."""

_STATES: dict[str, State] = {"loading": "loading", "ready": "ready"}
_STOPPED = "The daemon has stopped; the next question starts it again."


class DaemonLink:
    """One connection to the daemon, shared by all requests. Belongs to the event loop.

    ``connections`` counts how often one was made; what a daemon knew is gone with its connection.
    ``on_state`` receives state, message and model ("" where unknown) at each change.
    """

    def __init__(self, on_state: OnState) -> None:
        self.autostart = True
        self.start_options: tuple[str, ...] = ()
        self.connections = 0
        self._on_state = on_state
        self._client: DaemonClient | None = None
        self._connecting: asyncio.Task[DaemonClient] | None = None
        self._failure: tuple[float, SquillError] | None = None
        self._watching: set[asyncio.Task[None]] = set()

    async def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """The daemon's result. One that dies in mid-request is started again and asked once more.

        Raises:
            SquillError: the daemon cannot be reached, or answered with this error.
        """
        client = await self.connected()
        try:
            return await client.call(method, params)
        except DaemonUnavailableError:
            if client.connected:
                raise
        return await (await self.connected()).call(method, params)

    async def connected(self) -> DaemonClient:
        """The live connection; makes one where there is none.

        Raises:
            SquillError: it cannot be made. The state says so too.
        """
        if self._client is not None and self._client.connected:
            return self._client
        if self._connecting is None:
            self._raise_recent_failure()
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._connect_done)
        # Shielded: an impatient keystroke must not kill a daemon that is about to answer.
        return await asyncio.shield(self._connecting)

    def _raise_recent_failure(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._failure is not None and now - self._failure[0] < PAUSE_SECONDS:
            raise from_wire(self._failure[1].code, self._failure[1].message)

    def _connect_done(self, task: asyncio.Task[DaemonClient]) -> None:
        self._connecting = None
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, SquillError):
            self._failure = (asyncio.get_running_loop().time(), error)

    async def _connect(self) -> DaemonClient:
        self._on_state("starting", "Looking for the daemon", "")
        try:
            client = await connect_or_start(
                start=self.autostart,
                options=self.start_options,
                on_notification=self._notified,
                name="squill-lsp",
            )
            self._client, self._failure = client, None
            self._report(await client.call("status"))
        except SquillError as error:
            self._on_state("trouble", error.message, "")
            raise
        self.connections += 1
        watch = asyncio.create_task(self._watch(client))
        self._watching.add(watch)
        watch.add_done_callback(self._watching.discard)
        return client

    async def _watch(self, client: DaemonClient) -> None:
        await client.wait_closed()
        if self._client is client and self._connecting is None:
            self._on_state("trouble", _STOPPED, "")

    def _notified(self, method: str, params: Mapping[str, Any]) -> None:
        if method == "status/changed":
            self._report(params)

    def _report(self, status: Mapping[str, Any]) -> None:
        state = _STATES.get(str(status.get("state")), "trouble")
        self._on_state(state, str(status.get("message") or ""), str(status.get("model") or ""))

    async def close(self) -> None:
        """End the connection; the daemon itself goes on."""
        if self._connecting is not None:
            self._connecting.cancel()
        client, self._client = self._client, None
        if client is not None:
            await client.close()
