"""The daemon's methods: what each request does, apart from sockets and bytes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from squill import __version__
from squill.errors import (
    CancelledError,
    InvalidParamsError,
    OtherModelError,
    ProtocolError,
    SquillError,
    UnknownMethodError,
    VersionMismatchError,
)
from squill.memory import resident_bytes
from squill.paths import PROTOCOL_VERSION
from squill.training import REPORT
from squill_daemon.adapter_methods import AdapterMethods
from squill_daemon.engine import Answer
from squill_daemon.log_file import log_problem
from squill_daemon.metrics import Metrics
from squill_daemon.requests import flag, generate_request, prefill_request, text
from squill_daemon.training_methods import TrainingMethods

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from squill.model_choice import ModelChoice
    from squill_daemon.connection import Connection
    from squill_daemon.engine import Outcome
    from squill_daemon.jobs import Job
    from squill_daemon.model_thread import ModelThread
    from squill_daemon.training_methods import Broadcast

METHODS = (
    *("hello", "status", "generate", "prefill", "cancel"),
    *("adapters/list", "adapters/activate", "adapters/rollback", REPORT, "retire", "shutdown"),
)


class DaemonMethods:
    """Answers the requests of all connections.

    ``choice`` is the model that is served, and on whose behalf. ``stop`` asks the daemon to end,
    with the requests so far answered first where it gets True; ``retire`` asks it to end with its
    last client. ``broadcast`` notifies all clients.
    """

    def __init__(
        self,
        model: ModelThread,
        stop: Callable[[bool], None],
        retire: Callable[[], None],
        broadcast: Broadcast,
        choice: ModelChoice,
    ) -> None:
        self._model = model
        self._choice = choice
        self._stop = stop
        self._retire = retire
        self._adapters = AdapterMethods(model)
        self._trainings = TrainingMethods(broadcast)
        self._metrics = Metrics()
        self._started = time.monotonic()

    async def call(
        self, connection: Connection, request_id: int, method: str, params: Mapping[str, Any]
    ) -> Any:
        """
        Raises:
            ProtocolError: no `hello` yet, an unknown method, or params that do not fit.
            SquillError: what the request itself meets.
        """
        if method == "hello":
            return self._hello(connection, params)
        if not connection.greeted:
            raise ProtocolError(
                f"Say `hello` first, with protocol version {PROTOCOL_VERSION}; "
                f"`{method}` was not done."
            )
        try:
            return await self._greeted(connection, request_id, method, params)
        except CancelledError:
            self._metrics.cancelled()
            raise
        except SquillError as error:
            self._metrics.failed(error.code)
            raise

    async def _greeted(
        self, connection: Connection, request_id: int, method: str, params: Mapping[str, Any]
    ) -> Any:
        match method:
            case "status":
                return self._status()
            case "generate":
                return await self._generate(connection, request_id, params)
            case "prefill":
                self._require_expected(params)
                job = self._model.submit(prefill_request(params), owner=connection)
                return (await _outcome(connection, request_id, job)).to_wire()
            case "cancel":
                return {"cancelled": self.cancel(connection, _id(params))}
            case "training/report":
                return self._trainings.report(connection, params)
            case "retire":
                self._retire()
                return {}
            case "shutdown":
                self._stop(flag(params, "drain"))
                return {}
        if method.startswith("adapters/") and method in METHODS:
            return await self._adapters.call(method, params)
        raise UnknownMethodError(
            f"This daemon has no method `{method}`. It knows {', '.join(METHODS)}."
        )

    def _require_expected(self, params: Mapping[str, Any]) -> None:
        """A request names the model that it expects.

        One that names none takes what its workspace, or the user, has named.

        Raises:
            OtherModelError: another one is served.
        """
        wanted, workspace = text(params, "model"), text(params, "workspace")
        if wanted is None and workspace in (None, "", self._choice.named_by):
            return
        if refusal := self._choice.refusal(wanted or ""):
            raise OtherModelError(refusal)

    def cancel(self, connection: Connection, request_id: object) -> bool:
        job = connection.jobs.get(request_id) if isinstance(request_id, int) else None
        if job is None or job.result.done():
            return False
        self._model.cancel(job)
        return True

    def gone(self, connection: Connection) -> None:
        for job in list(connection.jobs.values()):
            self._model.cancel(job, "The client has gone.")
        self._trainings.gone(connection)

    def _hello(self, connection: Connection, params: Mapping[str, Any]) -> dict[str, Any]:
        asked = params.get("protocol")
        if not isinstance(asked, int) or isinstance(asked, bool):
            raise InvalidParamsError("`protocol` must be a number: the protocol version.")
        if asked != PROTOCOL_VERSION:
            older = "client" if asked < PROTOCOL_VERSION else "daemon"
            raise VersionMismatchError(
                f"The client speaks protocol {asked}, this daemon (Squill {__version__}) "
                f"protocol {PROTOCOL_VERSION}. Update the {older}, then run "
                "`squill daemon restart`."
            )
        connection.greeted = True
        return {"protocol": PROTOCOL_VERSION, "version": __version__, "pid": os.getpid()}

    def _status(self) -> dict[str, Any]:
        state = self._model.state
        info = state.info
        figures = self._model.figures
        measured = self._metrics.figures()
        measured["cache"] |= {
            "entries": figures.cache_entries,
            "bytes": figures.cache_bytes,
            "budget_bytes": figures.cache_budget_bytes,
        }
        return measured | {
            "state": state.name,
            "message": state.message,
            "model": self._model.model_name,
            "model_named_by": self._choice.named_by,
            "digest": info.digest if info else None,
            "adapter": self._adapters.default,
            "adapter_problem": figures.adapter_problem,
            "adapters_loaded": list(figures.adapters_loaded),
            "device": info.device if info else None,
            "blas": info.blas if info else None,
            "protocol": PROTOCOL_VERSION,
            "version": __version__,
            "pid": os.getpid(),
            "uptime_s": round(time.monotonic() - self._started, 3),
            "queue": self._model.queued,
            "requests": self._model.states(),
            "tokens_generated": self._model.tokens_generated,
            "loads": self._model.loads,
            "tuned": self._model.tuned,
            "memory_bytes": resident_bytes(),
            "trainings": self._trainings.running,
            "log_problem": log_problem(),
        }

    async def _generate(
        self, connection: Connection, request_id: int, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        def send_partial(text: str) -> None:
            if request_id in connection.jobs:
                connection.notify("generate/partial", {"id": request_id, "sql": text})

        self._require_expected(params)
        request = generate_request(params)
        job = self._model.submit(request, owner=connection, on_text=send_partial)
        answer = await _outcome(connection, request_id, job)
        if isinstance(answer, Answer):
            self._metrics.answered(answer)
        return answer.to_wire()


async def _outcome(connection: Connection, request_id: int, job: Job) -> Outcome:
    connection.jobs[request_id] = job
    try:
        return await job.result
    finally:
        connection.jobs.pop(request_id, None)


def _id(params: Mapping[str, Any]) -> int:
    request_id = params.get("id")
    if not isinstance(request_id, int):
        raise InvalidParamsError("`id` must be the id of a request on this connection.")
    return request_id
