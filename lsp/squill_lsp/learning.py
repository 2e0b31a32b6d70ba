"""What the editor shows of a training: the state, a work-done progress, and one line at its end."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from squill.errors import InvalidParamsError
from squill.training import TrainingReport

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from pygls.progress import Progress

    from squill_lsp.status import StatusReporter

TITLE = "Squill: learning your example pairs"

_LEARNING = "Learning example pairs"
_COARSE = 5
"""Steps of the percentage in the state's message, so that it does not flicker."""


class LearningDisplay:
    """Belongs to the event loop. ``progress`` is None where the editor shows none."""

    def __init__(
        self,
        status: StatusReporter,
        folders: Callable[[], Sequence[Path]],
        progress: Callable[[], Progress | None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        tell: Callable[[str], None],
    ) -> None:
        self._status = status
        self._folders = folders
        self._progress = progress
        self._spawn = spawn
        self._tell = tell
        self._shown: dict[str, asyncio.Queue[TrainingReport]] = {}

    def heard(self, params: Mapping[str, Any]) -> None:
        """What the daemon hands on; trainings of other editors' folders are left out."""
        try:
            report = TrainingReport.from_wire(params)
        except InvalidParamsError:
            return  # of another version
        if Path(report.workspace) not in self._folders():
            return
        self._show_progress(report)
        if not report.is_over:
            self._status.learning(_message(report))
            return
        told = {"message": report.message, "adapter": report.adapter}
        self._status.learning("", **{key: value for key, value in told.items() if value})
        if report.message:
            self._tell(report.message)

    def lost(self) -> None:
        """The daemon has gone; what it would tell of trainings is not known."""
        for workspace in list(self._shown):
            self._show_progress(TrainingReport(workspace, "gone"))
        self._status.learning("")

    def _show_progress(self, report: TrainingReport) -> None:
        reports = self._shown.get(report.workspace)
        if reports is None:
            progress = self._progress()
            if progress is None or report.is_over:
                return
            reports = self._shown[report.workspace] = asyncio.Queue()
            self._spawn(_show(progress, reports))
        reports.put_nowait(report)
        if report.is_over:
            del self._shown[report.workspace]


def _message(report: TrainingReport) -> str:
    if report.state == "waiting":
        return f"{_LEARNING}: {report.message}"
    return f"{_LEARNING} ({_percentage(report) // _COARSE * _COARSE} %)"


def _percentage(report: TrainingReport) -> int:
    return 100 * min(report.step, report.steps) // report.steps if report.steps else 0


async def _show(progress: Progress, reports: asyncio.Queue[TrainingReport]) -> None:
    token = f"squill-{uuid.uuid4()}"
    try:
        await progress.create_async(token)
    except JsonRpcException:
        return  # the editor does not want one
    progress.begin(token, types.WorkDoneProgressBegin(title=TITLE, percentage=0))
    end = types.WorkDoneProgressEnd()
    done = 0
    try:
        while not (report := await reports.get()).is_over:
            done = max(done, _percentage(report))
            message = report.message or f"step {report.step}/{report.steps}"
            progress.report(token, types.WorkDoneProgressReport(message=message, percentage=done))
        end = types.WorkDoneProgressEnd(message=report.message or None)
    finally:
        progress.end(token, end)
        progress.tokens.pop(token, None)
