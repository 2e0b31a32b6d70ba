"""What the editor is told about Squill's state: one notification per change, never a box."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

State = Literal["starting", "loading", "ready", "idle", "thinking", "learning", "trouble"]

STATUS_METHOD = "squill/status"

_WRITING = "Writing SQL"
_LATE = (
    "The model takes longer than it may. `squill status` says what it does; "
    "`squill daemon restart` starts it anew."
)


@dataclass(frozen=True, slots=True)
class Status:
    """The params of ``squill/status``. ``dialect_origin`` says what decided the dialect."""

    state: State = "starting"
    message: str = ""
    dialect: str = ""
    dialect_origin: str = ""
    model: str = ""
    adapter: str = ""

    def to_client(self) -> dict[str, str]:
        return {
            "state": self.state,
            "message": self.message,
            "dialect": self.dialect,
            "dialectOrigin": self.dialect_origin,
            "model": self.model,
            "adapter": self.adapter,
        }


class StatusReporter:
    """Calls ``notify`` with each status that differs from the one before. One event loop."""

    def __init__(self, notify: Callable[[Status], None]) -> None:
        self._notify = notify
        self._status = Status()
        self._thinking = 0
        self._late = False
        self._learning = ""
        self._told: Status | None = None

    @property
    def current(self) -> Status:
        if self._thinking and self._status.state == "ready":
            message = _LATE if self._late else _WRITING
            return replace(self._status, state="thinking", message=message)
        if self._learning and self._status.state in ("ready", "idle"):
            return replace(self._status, state="learning", message=self._learning)
        return self._status

    def update(self, **changes: Any) -> None:
        """Change fields of `Status`."""
        self._status = replace(self._status, **changes)
        if self.current != self._told:
            self._told = self.current
            self._notify(self._told)

    def clear(self) -> None:
        """What was said of an earlier question holds no more; what was said of the daemon does."""
        if self._status.state == "ready":
            self.update(message="")

    def learning(self, progress: str, /, **changes: Any) -> None:
        """A training goes on, and ``progress`` says how far it is; empty for none.

        ``changes`` are those of `update`.
        """
        self._learning = progress
        self.update(**changes)

    @contextmanager
    def thinking(self) -> Iterator[None]:
        """The state while a request is with the model, if that is ready."""
        self._thinking += 1
        self.update()
        try:
            yield
        finally:
            self._thinking -= 1
            self._late = self._late and self._thinking > 0
            self.update()

    def late(self) -> None:
        """What is with the model should have been answered; while a model loads, nothing should."""
        self._late = self.current.state == "thinking"
        self.update()
