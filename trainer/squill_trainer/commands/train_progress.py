"""How a training goes, on the terminal and in editors."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from squill.client import DaemonClient
from squill.errors import SquillError
from squill.terminal_text import for_drawing
from squill.training import REPORT, TrainingReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from squill_trainer.learning.lora import Step

    OnStep = Callable[[Step, int], None]

_LINE_SECONDS = 5.0
_REPORT_SECONDS = 0.5
_LAST_WORD_SECONDS = 15.0


@contextmanager
def terminal_progress(say: Callable[[str], None]) -> Iterator[OnStep]:
    """A bar on a terminal, else a line now and then."""
    if sys.stderr.isatty():
        with _bar() as step:
            yield step
    else:
        yield _Lines(say)


class _Lines:
    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told = time.monotonic()

    def __call__(self, step: Step, steps: int) -> None:
        if step.number == steps or time.monotonic() - self._told > _LINE_SECONDS:
            self._told = time.monotonic()
            self._say(f"step {step.number}/{steps}  loss {step.loss:.3f}")


@contextmanager
def _bar() -> Iterator[OnStep]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("learning"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=for_drawing(sys.stderr))) as progress:
        task = progress.add_task("", total=None, loss=0.0, visible=False)

        def show(step: Step, steps: int) -> None:
            progress.update(task, total=steps, completed=step.number, loss=step.loss, visible=True)

        yield show


class DaemonReporter:
    """Tells the daemon, which tells the editors; silent where none runs. One event loop."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace
        self._next: TrainingReport | None = None
        self._wake = asyncio.Event()
        self._daemon: DaemonClient | None = None
        self._telling = asyncio.create_task(self._run())

    def tell(self, state: str, message: str = "", *, step: int = 0, steps: int = 0) -> None:
        """Of several in quick succession the last is told."""
        self._next = TrainingReport(self._workspace, state, message, step, steps)
        self._wake.set()

    async def close(self, end: TrainingReport) -> None:
        """Say how it ended, if the daemon listens."""
        self._telling.cancel()
        with suppress(asyncio.CancelledError):
            await self._telling
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD_SECONDS):
                await self._send(end)
        if self._daemon is not None:
            await self._daemon.close()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._next is not None:
                await self._send(self._next)
            await asyncio.sleep(_REPORT_SECONDS)

    async def _send(self, report: TrainingReport) -> None:
        with suppress(SquillError):
            if self._daemon is None or not self._daemon.connected:
                self._daemon = await DaemonClient.connect(name="squill train")
            await self._daemon.call(REPORT, report.to_wire())
