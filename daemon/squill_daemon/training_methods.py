"""The daemon's part in trainings: it hands on what trainers tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from squill.training import CHANGED, TrainingReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from squill_daemon.connection import Connection

    Broadcast = Callable[[str, Mapping[str, Any]], None]


class TrainingMethods:
    """Belongs to the event loop. ``broadcast`` notifies every greeted client."""

    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self._running: dict[Connection, TrainingReport] = {}

    @property
    def running(self) -> list[dict[str, Any]]:
        """The last report of each training that goes on."""
        return [report.to_wire() for report in self._running.values()]

    def report(self, connection: Connection, params: Mapping[str, Any]) -> dict[str, Any]:
        """
        Raises:
            InvalidParamsError: ``params`` are no report.
        """
        report = TrainingReport.from_wire(params)
        if report.is_over:
            self._running.pop(connection, None)
        else:
            self._running[connection] = report
        self._broadcast(CHANGED, report.to_wire())
        return {}

    def gone(self, connection: Connection) -> None:
        """A trainer that says nothing more has been killed."""
        if report := self._running.pop(connection, None):
            self._broadcast(CHANGED, TrainingReport(report.workspace, "gone").to_wire())
