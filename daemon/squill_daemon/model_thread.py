"""The one thread that owns the model, and the event loop's handle on it.

Invariant: MLX is touched on this thread only; loading, prefill and decoding all happen here.
The event loop sends typed messages through one queue; results go back as loop callbacks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from squill.errors import (
    CancelledError,
    DaemonBusyError,
    DaemonStoppingError,
    ModelError,
    SchemaError,
    SquillError,
)
from squill_daemon.engine import Answer, EngineFigures
from squill_daemon.jobs import Cancel, Job, JobState, Stop, Submit, ToModelThread
from squill_daemon.scheduler import Scheduler
from squill_daemon.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable

    from squill_daemon.engine import Engine, ModelInfo, Outcome, Step
    from squill_daemon.requests import Request

log = logging.getLogger(__name__)

StateName = Literal["loading", "ready", "idle", "model_error", "stopping"]

QUIET_SECONDS = 0.5
"""A loaded model that nobody asks anything for so long is tuned."""

RETRY_SECONDS = 10.0
"""A model that could not be loaded is not tried again before; requests get its error."""

_LONGEST_REASON = 200  # characters

_STOPPING = "The daemon is stopping. Ask again: the next one starts by itself."


@dataclass(frozen=True, slots=True)
class ModelState:
    """``message`` says what is going on, or what went wrong and what to do."""

    name: StateName
    message: str
    info: ModelInfo | None = None


_LOADING = ModelState("loading", "The model is being loaded.")


class ModelThread:
    """Made and called on the event loop; only the methods under "model thread" run elsewhere.

    ``on_state`` is called on the event loop.
    """

    def __init__(
        self,
        engine: Engine,
        on_state: Callable[[ModelState], None],
        queue_limit: int,
        upkeep: Upkeep | None = None,
    ) -> None:
        self.state = _LOADING
        self.figures = EngineFigures()
        self.tokens_generated = 0
        self.loads = 0
        self.tuned = False
        self._engine = engine
        self._on_state = on_state
        self._queue_limit = queue_limit
        self._loop = asyncio.get_running_loop()
        self._inbox: queue.SimpleQueue[ToModelThread] = queue.SimpleQueue()
        self._unfinished: set[Job] = set()
        self._preparer = ThreadPoolExecutor(1, "prepare")
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        # The rest belongs to the model thread.
        self._scheduler = Scheduler(engine, self._finish, self._report)
        self._upkeep = upkeep or Upkeep()
        self._loaded = self._tuned = self._rested = False
        self._load_error: tuple[float, ModelError] | None = None
        self._stopping = False

    def start(self) -> None:
        self._thread.start()

    @property
    def model_name(self) -> str:
        return self._engine.model_name

    @property
    def queued(self) -> int:
        """Requests not answered yet, the running one included."""
        return len(self._unfinished)

    def states(self) -> dict[str, int]:
        """How many unanswered requests are in each state."""
        names = [job.state.value for job in self._unfinished]
        unanswered = (JobState.WAITING, JobState.PREFILL, JobState.DECODE)
        return {state.value: names.count(state.value) for state in unanswered}

    def submit(
        self,
        request: Request,
        owner: object = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Job:
        """Queue a request; await ``job.result``. ``on_text`` gets the text so far.

        Raises:
            DaemonBusyError: too many requests wait already.
        """
        if len(self._unfinished) >= self._queue_limit:
            raise DaemonBusyError(
                f"{len(self._unfinished)} requests wait for the model already. "
                "Try again in a moment, or raise daemon.queue_limit."
            )
        job = Job(request, self._loop.create_future(), owner, on_text)
        job.result.add_done_callback(lambda _: self._unfinished.discard(job))
        stale = [old for old in self._unfinished if job.outdates(old)]
        overtaken = any(old.outdates(job) for old in self._unfinished)
        self._unfinished.add(job)
        for old in stale:
            self.cancel(old, "A newer version of the document was asked about.")
        if overtaken:
            reason = "A newer version of the document is being asked about."
            self._settle(job, CancelledError(reason))
        else:
            self._prepare(job)
        return job

    def _prepare(self, job: Job) -> None:
        """Hand it to the model thread; DDL is read elsewhere first, for that can take a second."""
        if not isinstance(getattr(job.request, "schema", None), tuple):
            self._inbox.put(Submit(job))
            return
        reading = self._loop.run_in_executor(self._preparer, self._engine.prepare, job.request)
        reading.add_done_callback(lambda done: self._prepared(job, done))

    def _prepared(self, job: Job, done: asyncio.Future[Request]) -> None:
        error = done.exception()
        if job.result.done():
            return
        if error is None:
            job.request = done.result()
            self._inbox.put(Submit(job))
        elif isinstance(error, SquillError):
            self._settle(job, error)
        else:
            log.error("request not prepared", exc_info=error)
            message = f"The schema could not be read: {error!r}. See `squill logs`."
            self._settle(job, SchemaError(message))

    def cancel(self, job: Job, reason: str = "The request was cancelled.") -> None:
        """A waiting job is answered at once, a running one as soon as the model has stopped."""
        if job.result.done():
            return
        self._inbox.put(Cancel(job, reason))
        if job.state is JobState.WAITING:
            self._settle(job, CancelledError(reason))

    async def stop(self, timeout: float) -> bool:  # noqa: ASYNC109 (passed on to the thread's join)
        """End the thread; unanswered requests get `DaemonStoppingError`. False if it is stuck."""
        self.state = ModelState("stopping", "The daemon is stopping.", self.state.info)
        self._on_state(self.state)
        self._inbox.put(Stop())
        for job in list(self._unfinished):
            if job.state is JobState.WAITING:
                self._settle(job, DaemonStoppingError(_STOPPING))
        await asyncio.to_thread(self._thread.join, timeout)
        await asyncio.sleep(0)  # lets the thread's last callbacks run
        for job in list(self._unfinished):
            self._settle(job, DaemonStoppingError(_STOPPING))
        self._preparer.shutdown(wait=False, cancel_futures=True)
        return not self._thread.is_alive()

    async def drain(self) -> None:
        """Returns when every request so far is answered."""
        if results := [job.result for job in self._unfinished]:
            await asyncio.wait(results)

    def _settle(self, job: Job, outcome: Outcome | SquillError) -> None:
        if job.result.done():
            return
        self._unfinished.discard(job)
        if isinstance(outcome, SquillError):
            job.result.set_exception(outcome)
            job.result.exception()  # the asker may have gone: nobody else has to look at it
        else:
            job.result.set_result(outcome)

    def _change_state(self, state: ModelState) -> None:
        if self.state.name != "stopping" and state != self.state:
            self.state = state
            self._on_state(state)

    def _count_load(self) -> None:
        self.loads += 1
        self.tuned = False

    def _have_tuned(self) -> None:
        self.tuned = True

    def _keep_figures(self, figures: EngineFigures) -> None:
        self.figures = figures

    # --- model thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._load()
            while not self._stopping:
                self._wait()
                if not self._loaded:
                    self._load()
                if self._scheduler.busy and not self._stopping:
                    self._scheduler.round(self._receive)
                self._look_after_memory()
            self._scheduler.fail_all(DaemonStoppingError(_STOPPING))
        finally:
            self._engine.close()

    def _wait(self) -> None:
        """Return when there is something to do, with all messages taken."""
        self._receive()
        while not (self._scheduler.busy or self._stopping):
            try:
                self._handle(self._inbox.get(timeout=self._patience))
                self._receive()
            except queue.Empty:
                if not self._tuned:
                    self._tune()
                elif not self._rested:
                    self._engine.rest()
                    self._rested = True
                self._look_after_memory()

    @property
    def _patience(self) -> float | None:
        """How long to wait for a message before something else is looked after, in seconds."""
        if not self._loaded:
            return None
        return self._upkeep.seconds if self._tuned else QUIET_SECONDS

    def _tune(self) -> None:
        try:
            self._tuned = self._engine.tune()
        except Exception:  # answers are slower without it, and no less right
            log.exception("the model could not be tuned")
            self._tuned = True
        if self._tuned:
            self._post(self._have_tuned)

    def _receive(self) -> None:
        """Take every message that is there."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._handle(self._inbox.get_nowait())

    def _handle(self, message: ToModelThread) -> None:
        match message:
            case Submit(job):
                self._upkeep.used()
                self._rested = False
                self._scheduler.submit(job)
            case Cancel(job, reason):
                self._scheduler.cancel(job, reason)
            case Stop():
                self._stopping = True

    def _load(self) -> None:
        """Load the model. Where it cannot be had, whoever waits is told."""
        if self._stopping:
            return
        if self._load_error and time.monotonic() - self._load_error[0] < RETRY_SECONDS:
            self._scheduler.fail_all(self._load_error[1])
            return
        self._post(self._change_state, _LOADING)
        try:
            info = self._engine.load()
        except ModelError as error:
            log.warning("model not loaded", extra={"reason": error.message})
            self._not_loaded(error)
        except Exception as error:  # whatever a loader raises, the daemon lives on and says so
            log.exception("model not loaded")
            reason = " ".join(repr(error).split())[:_LONGEST_REASON]
            message = f"The model could not be loaded: {reason}. See `squill logs`."
            self._not_loaded(ModelError(message))
        else:
            self._loaded, self._tuned, self._load_error = True, False, None
            self._upkeep.used()
            self._post(self._count_load)
            self._post(self._keep_figures, self._engine.figures())
            message = f"{info.name} is ready on {info.device}."
            self._post(self._change_state, ModelState("ready", message, info))

    def _not_loaded(self, error: ModelError) -> None:
        self._load_error = (time.monotonic(), error)
        self._post(self._change_state, ModelState("model_error", error.message))
        self._receive()
        self._scheduler.fail_all(error)

    def _look_after_memory(self) -> None:
        if not self._loaded or not self._upkeep.due():
            return
        if self._upkeep.idle and not self._scheduler.busy:
            self._unload("for nobody has asked for a while")
        elif self._upkeep.memory_short:
            if given_back := self._engine.shed():
                log.warning("memory is short: gave back %s", given_back)
                self._post(self._keep_figures, self._engine.figures())
            elif not self._upkeep.recently_used and not self._scheduler.busy:
                self._unload("for memory is short")

    def _unload(self, reason: str) -> None:
        self._engine.unload()
        self._loaded = False
        message = f"The model's memory was given back, {reason}. The next question loads it again."
        self._post(self._keep_figures, self._engine.figures())
        self._post(self._change_state, ModelState("idle", message))

    def _report(self, job: Job, step: Step) -> None:
        job.state = JobState(step.phase)
        self._count(job, step.tokens)
        if job.on_text is not None and step.text is not None and (text := step.text()):
            self._post(job.on_text, text)

    def _count(self, job: Job, tokens: int) -> None:
        job.generated += tokens
        self.tokens_generated += tokens

    def _finish(self, job: Job, outcome: Outcome | SquillError) -> None:
        job.state = JobState.FINISHED
        if isinstance(outcome, Answer):  # its last tokens came with it
            self._count(job, max(0, outcome.tokens.generated - job.generated))
        self._post(self._settle, job, outcome)
        self._post(self._keep_figures, self._engine.figures())

    def _post(self, callback: Callable[..., None], *values: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is left to tell
            self._loop.call_soon_threadsafe(callback, *values)
