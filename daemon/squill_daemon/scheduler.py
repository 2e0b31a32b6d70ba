"""Which jobs go on: rounds of one step for each, all their passes together. Model thread only."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from squill.errors import CancelledError, ModelError, SquillError
from squill_daemon.jobs import Job, JobState
from squill_daemon.requests import AdapterRequest, GenerateRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from squill_daemon.engine import Engine, Outcome, Row, Step

    Steps = Generator[Step, None, Outcome]

log = logging.getLogger(__name__)

MOST_RUNNING = 16
"""Interactive jobs that share the model; more of them wait their turn."""

_LONGEST_REASON = 200  # characters: some libraries raise the whole output of a compiler


class Scheduler:
    """Interactive jobs share rounds fairly; a background job runs alone, while there are none.

    ``finish`` gets each job's outcome, exactly once; ``report`` each step that it took.
    """

    def __init__(
        self,
        engine: Engine,
        finish: Callable[[Job, Outcome | SquillError], None],
        report: Callable[[Job, Step], None],
    ) -> None:
        self._engine = engine
        self._finish_job = finish
        self._report = report
        self._interactive: deque[Job] = deque()
        self._background: deque[Job] = deque()
        self._running: dict[Job, Steps] = {}
        self._cancelled: dict[Job, str] = {}

    def submit(self, job: Job) -> None:
        (self._interactive if job.interactive else self._background).append(job)

    def cancel(self, job: Job, reason: str) -> None:
        """It ends before the next pass."""
        if job.state is not JobState.FINISHED:
            self._cancelled[job] = reason

    @property
    def busy(self) -> bool:
        return bool(self._running or self._interactive or self._background)

    def fail_all(self, error: SquillError) -> None:
        """Every job ends with ``error``."""
        for job in [*self._running, *self._interactive, *self._background]:
            self._finish(job, type(error)(error.message))
        self._interactive.clear()
        self._background.clear()

    def round(self, meanwhile: Callable[[], None]) -> None:
        """One step of each running job. ``meanwhile`` is called while the model computes."""
        self._drop_cancelled()
        self._admit()
        steps = {job: step for job in list(self._running) if (step := self._resume(job))}
        rows = _rows(list(steps.values()))
        for job, step in steps.items():  # first: on a CPU, launching is most of the pass
            self._report_step(job, step)
        try:
            if rows:
                self._engine.launch(rows)
            meanwhile()
            if rows:
                self._engine.land()
        except Exception as error:  # whatever the model's code raises, each job gets its reply
            log.exception("a forward pass failed")
            for job in steps:
                self._finish(job, _failure(error))
            self._engine.abandon()

    def _report_step(self, job: Job, step: Step) -> None:
        try:
            self._report(job, step)
        except Exception as error:  # it is this request's text alone that could not be shown
            log.exception("a preview failed")
            self._finish(job, _failure(error))

    def _drop_cancelled(self) -> None:
        for job, reason in list(self._cancelled.items()):
            for queue in (self._interactive, self._background):
                if job in queue:
                    queue.remove(job)
            self._finish(job, CancelledError(reason))

    def _admit(self) -> None:
        while self._interactive and len(self._running) < MOST_RUNNING:
            self._begin(self._interactive.popleft())
        foreground = [job for job in self._running if job.interactive]
        if foreground:
            for job in [job for job in self._running if not job.interactive]:
                self._put_down(job)
        elif self._background and not self._running:
            self._begin(self._background.popleft())

    def _begin(self, job: Job) -> None:
        match job.request:
            case GenerateRequest() as request:
                self._running[job] = self._engine.generate(request, job.arrival)
            case AdapterRequest() as request:
                self._running[job] = self._engine.load_adapter(request)
            case request:
                self._running[job] = self._engine.prefill(request, job.arrival)

    def _put_down(self, job: Job) -> None:
        """What it has read stays in the prefix cache, so beginning anew loses little."""
        self._running.pop(job).close()
        job.state = JobState.WAITING
        self._background.appendleft(job)

    def _resume(self, job: Job) -> Step | None:
        try:
            return next(self._running[job])
        except StopIteration as end:
            self._finish(job, end.value)
        except SquillError as error:
            self._finish(job, error)
        except Exception as error:  # one reply per request, whatever the model's code does
            log.exception("request failed", extra={"kind": type(job.request).__name__})
            self._finish(job, _failure(error))
        return None

    def _finish(self, job: Job, outcome: Outcome | SquillError) -> None:
        steps = self._running.pop(job, None)
        if steps is not None:
            steps.close()
        self._cancelled.pop(job, None)
        self._finish_job(job, outcome)


def _rows(steps: list[Step]) -> list[Row]:
    """What is to be read now: alternatives only beside nothing, or beside what they belong to."""
    urgent = [step for step in steps if step.rows]
    chosen = [row for step in urgent for row in step.rows]
    for step in urgent if len(urgent) == 1 else () if urgent else steps:
        chosen += step.others
    return chosen


def _failure(error: Exception) -> ModelError:
    reason = " ".join(repr(error).split())[:_LONGEST_REASON]
    return ModelError(f"The model failed: {reason}. See `squill logs`.")
