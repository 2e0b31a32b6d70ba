"""The language server's tie to the daemon: started when needed, taken up again when it breaks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from squill.client import DaemonClient, connect_or_start, restart_daemon
from squill.errors import DaemonUnavailableError, SquillError, from_wire
from squill.model_choice import ModelChoice
from squill.model_files import EMBEDDED_NAME
from squill.training import CHANGED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from squill_lsp.status import State

    OnState = Callable[[State, str, str], None]
    OnTraining = Callable[[Mapping[str, Any]], None]

PAUSE_SECONDS = 5.0
"""After a failed start the next one waits so long; requests in between fail at once."""

_STATES: dict[str, State] = {"loading": "loading", "ready": "ready", "idle": "idle"}
_AWAKE = frozenset({"loading", "ready"})
_LOADS = frozenset({("idle", "loading"), ("loading", "ready")})
_OF_THE_MODEL = frozenset({"generate", "prefill"})
_STOPPED = "The daemon has stopped; the next question starts it again."


def _served(status: Mapping[str, Any]) -> ModelChoice:
    model = str(status.get("model") or "")
    named_by = str(status.get("model_named_by") or "")
    return ModelChoice("" if model == EMBEDDED_NAME else model, named_by)


class DaemonLink:
    """One connection to the daemon, shared by all requests. Belongs to the event loop.

    ``epoch`` grows with all that may end what the daemon said or knew before: each connection,
    made or lost, and each change of its state but the loading of the same model.
    ``on_state`` receives state, message and model ("" where unknown) at each change, and
    ``on_training`` what the daemon hands on of trainings.
    """

    def __init__(self, on_state: OnState, on_training: OnTraining = lambda _: None) -> None:
        self.autostart = True
        self._wanted = ModelChoice()
        self._served = ModelChoice()
        self._status: Mapping[str, Any] = {}
        self.epoch = 0
        self._closed = False
        self._daemon_state = ""
        self._on_state = on_state
        self._on_training = on_training
        self._client: DaemonClient | None = None
        self._connecting: asyncio.Task[DaemonClient] | None = None
        self._failure: tuple[float, SquillError] | None = None
        self._watching: set[asyncio.Task[None]] = set()

    @property
    def asleep(self) -> bool:
        """Whether the daemon had a reason to give its memory back, or to go.

        Then only somebody who asks, or is about to, should make it load the model again.
        """
        return bool(self.epoch) and self._daemon_state not in _AWAKE

    def expect(self, model: ModelChoice) -> None:
        """Have the daemon started with ``model``, and answers taken from no other."""
        if model == self._wanted:
            return
        self._wanted = model
        if self._status and self._client is not None and self._client.connected:
            self._tell(self._status)

    async def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """The daemon's result. Where one ends in mid-request, the next is asked once more.

        Raises:
            OtherModelError: the daemon serves another model than the one that is expected.
            SquillError: the daemon cannot be reached, or answered with this error.
        """
        if method in _OF_THE_MODEL:
            params = {**params, "model": self._wanted.name}
        client = await self.connected()
        try:
            return await client.call(method, params)
        except DaemonUnavailableError as error:
            if not await client.has_left(error):
                if client.silence is not None:
                    self._fail(client.silence)
                raise
        return await (await self.connected()).call(method, params)

    async def connected(self) -> DaemonClient:
        """The live connection; makes one where there is none.

        Raises:
            SquillError: it cannot be made. The state says so too.
        """
        if self._client is not None and self._client.connected:
            return self._client
        if self._closed:
            raise DaemonUnavailableError("The language server is ending. Start it again.")
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
            self._fail(error)

    def _fail(self, error: SquillError) -> None:
        self._failure = (asyncio.get_running_loop().time(), error)

    async def _connect(self) -> DaemonClient:
        self._on_state("starting", "Looking for the daemon", "")
        try:
            client = await connect_or_start(
                start=self.autostart,
                options=self._wanted.options,
                on_notification=self._notified,
                name="squill-lsp",
            )
            self._client, self._failure = client, None
            self._daemon_state = ""
            status = await client.call("status")
            self._served = _served(status)
            self._report(status)
            for training in status.get("trainings") or ():
                self._on_training(training)
        except SquillError as error:
            self._on_state("trouble", error.message, "")
            raise
        watch = asyncio.create_task(self._watch(client))
        self._watching.add(watch)
        watch.add_done_callback(self._watching.discard)
        return client

    async def _watch(self, client: DaemonClient) -> None:
        await client.wait_closed()
        if self._client is not client:
            return
        self.epoch += 1
        self._daemon_state = ""
        if self._connecting is None:
            message = client.silence.message if client.silence else _STOPPED
            self._on_state("trouble", message, "")

    def _notified(self, method: str, params: Mapping[str, Any]) -> None:
        if method == "status/changed":
            self._report(params)
        elif method == CHANGED:
            self._on_training(params)

    def _report(self, status: Mapping[str, Any]) -> None:
        name = str(status.get("state"))
        if (self._daemon_state, name) not in _LOADS:
            self.epoch += 1
        self._daemon_state = name
        self._status = status
        self._tell(status)

    def _tell(self, status: Mapping[str, Any]) -> None:
        """What the daemon says of its state; of another workspace's model, only that it is that."""
        model = str(status.get("model") or "")
        if refusal := self._served.refusal(self._wanted.name):
            self._on_state("trouble", refusal, model)
            return
        state = _STATES.get(str(status.get("state")), "trouble")
        self._on_state(state, str(status.get("message") or ""), model)

    async def status(self) -> Mapping[str, Any]:
        """What the daemon says of itself. Starts none, and wakes none.

        Raises:
            DaemonError: none answers.
        """
        if self._client is not None and self._client.connected:
            return dict(await self._client.call("status"))
        async with await DaemonClient.connect(name="squill-lsp") as client:
            return dict(await client.call("status"))

    async def restart(self) -> None:
        """End the daemon, also one that hangs, and start the next.

        Raises:
            SquillError: it cannot be started. The state says so too.
        """
        self._on_state("starting", "The daemon is restarted", "")
        try:
            await restart_daemon(self._wanted.options)
        except SquillError as error:
            self._on_state("trouble", error.message, "")
            raise
        self._failure = None
        await self.connected()

    async def close(self) -> None:
        """End the connection, for good; the daemon itself goes on."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        client, self._client = self._client, None
        if client is not None:
            await client.close()
