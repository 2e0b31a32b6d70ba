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
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from squill.errors import CancelledError, DaemonBusyError, ModelError, SquillError
from squill_daemon.jobs import Cancel, Job, JobState, Stop, Submit, ToModelThread
from squill_daemon.requests import GenerateRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from squill_daemon.engine import Answer, Engine, ModelInfo, Prefilled, Step
    from squill_daemon.requests import PrefillRequest

log = logging.getLogger(__name__)

StateName = Literal["loading", "ready", "model_error", "stopping"]


@dataclass(frozen=True, slots=True)
class ModelState:
    """``message`` says what is going on, or what went wrong and what to do."""

    name: StateName
    message: str
    info: ModelInfo | None = None


class ModelThread:
    """Made and called on the event loop; only the methods under "model thread" run elsewhere.

    ``on_state`` is called on the event loop.
    """

    def __init__(
        self, engine: Engine, on_state: Callable[[ModelState], None], queue_limit: int
    ) -> None:
        self.state = ModelState("loading", "The model is being loaded.")
        self.tokens_generated = 0
        self._engine = engine
        self._on_state = on_state
        self._queue_limit = queue_limit
        self._loop = asyncio.get_running_loop()
        self._inbox: queue.SimpleQueue[ToModelThread] = queue.SimpleQueue()
        self._unfinished: set[Job] = set()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        # The rest belongs to the model thread.
        self._interactive: deque[Job] = deque()
        self._background: deque[Job] = deque()
        self._cancelled: dict[Job, str] = {}
        self._stopping = False
        self._load_error: ModelError | None = None

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
        request: GenerateRequest | PrefillRequest,
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
            self._inbox.put(Submit(job))
        return job

    def cancel(self, job: Job, reason: str = "The request was cancelled.") -> None:
        """A waiting job is answered at once, a running one as soon as the model has stopped."""
        if job.result.done():
            return
        self._inbox.put(Cancel(job, reason))
        if job.state is JobState.WAITING:
            self._settle(job, CancelledError(reason))

    async def stop(self, timeout: float) -> bool:  # noqa: ASYNC109 (passed on to the thread's join)
        """End the thread; unanswered requests are cancelled. False if it has not ended in time."""
        self.state = ModelState("stopping", "The daemon is stopping.", self.state.info)
        self._on_state(self.state)
        self._inbox.put(Stop())
        for job in list(self._unfinished):
            self.cancel(job, "The daemon is stopping.")
        await asyncio.to_thread(self._thread.join, timeout)
        await asyncio.sleep(0)  # lets the thread's last callbacks run
        for job in list(self._unfinished):
            self._settle(job, CancelledError("The daemon is stopping."))
        return not self._thread.is_alive()

    def _settle(self, job: Job, outcome: Answer | Prefilled | SquillError) -> None:
        if job.result.done():
            return
        self._unfinished.discard(job)
        if isinstance(outcome, SquillError):
            job.result.set_exception(outcome)
            job.result.exception()  # the asker may have gone: nobody else has to look at it
        else:
            job.result.set_result(outcome)

    def _change_state(self, state: ModelState) -> None:
        if self.state.name != "stopping":
            self.state = state
            self._on_state(state)

    # --- model thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._load()
            while not self._stopping:
                self._receive(wait=not (self._interactive or self._background))
                if job := self._next():
                    self._work(job)
        finally:
            self._engine.close()

    def _load(self) -> None:
        try:
            info = self._engine.load()
        except ModelError as error:
            log.warning("model not loaded", extra={"reason": error.message})
            self._load_error = error
            self._post(self._change_state, ModelState("model_error", error.message))
        except Exception as error:  # whatever a loader raises, the daemon lives on and says so
            log.exception("model not loaded")
            self._load_error = ModelError(
                f"The model could not be loaded: {error!r}. See `squill daemon logs`."
            )
            self._post(self._change_state, ModelState("model_error", self._load_error.message))
        else:
            message = f"{info.name} is ready on {info.device}."
            self._post(self._change_state, ModelState("ready", message, info))

    def _receive(self, *, wait: bool = False) -> None:
        """Take every message that is there, and wait for the first where ``wait`` says so."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._handle(self._inbox.get(block=wait))
                wait = False

    def _handle(self, message: ToModelThread) -> None:
        match message:
            case Submit(job):
                (self._interactive if job.interactive else self._background).append(job)
            case Cancel(job, reason) if job.state is not JobState.FINISHED:
                self._cancelled[job] = reason
            case Stop():
                self._stopping = True

    def _next(self) -> Job | None:
        waiting = self._interactive or self._background
        return waiting.popleft() if waiting and not self._stopping else None

    def _work(self, job: Job) -> None:
        if self._load_error is not None:
            self._finish(job, type(self._load_error)(self._load_error.message))
        elif job in self._cancelled:
            self._finish(job, CancelledError(self._cancelled[job]))
        else:
            self._drive(job)

    def _drive(self, job: Job) -> None:
        steps = self._steps(job)
        try:
            while not self._interrupted(job):
                self._report(job, next(steps))
                self._receive()
        except StopIteration as end:
            self._finish(job, end.value)
        except SquillError as error:
            self._finish(job, error)
        except Exception as error:  # one reply per request, whatever the model's code does
            log.exception("request failed", extra={"kind": type(job.request).__name__})
            self._finish(job, ModelError(f"The model failed: {error!r}. See `squill daemon logs`."))
        else:
            steps.close()
            self._put_down(job)

    def _steps(self, job: Job) -> Generator[Step, None, Answer | Prefilled]:
        if isinstance(job.request, GenerateRequest):
            return self._engine.generate(job.request, job.arrival)
        return self._engine.prefill(job.request, job.arrival)

    def _interrupted(self, job: Job) -> bool:
        """Cancelled, stopping, or a prefill while somebody waits for an answer."""
        overtaken = not job.interactive and bool(self._interactive)
        return self._stopping or overtaken or job in self._cancelled

    def _put_down(self, job: Job) -> None:
        if job in self._cancelled or self._stopping:
            reason = self._cancelled.get(job, "The daemon is stopping.")
            self._finish(job, CancelledError(reason))
        else:  # what it has read stays in the prefix cache, so beginning anew loses nothing
            job.state = JobState.WAITING
            self._background.appendleft(job)

    def _report(self, job: Job, step: Step) -> None:
        job.state = JobState(step.phase)
        if step.phase == "decode":
            self.tokens_generated += 1
            if job.on_text is not None and step.text:
                self._post(job.on_text, step.text)

    def _finish(self, job: Job, outcome: Answer | Prefilled | SquillError) -> None:
        job.state = JobState.FINISHED
        self._cancelled.pop(job, None)
        self._post(self._settle, job, outcome)

    def _post(self, callback: Callable[..., None], *values: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is left to tell
            self._loop.call_soon_threadsafe(callback, *values)
