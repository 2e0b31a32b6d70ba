"""How a training goes, as the trainer tells the daemon and the daemon its clients."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from squill.errors import InvalidParamsError

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORT = "training/report"
"""The trainer's request, with a report as params."""
CHANGED = "training/changed"
"""The daemon's notification to all its clients, with the same params."""

_STATES = ("waiting", "learning", "done", "gone")
_MOST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """``state``: "waiting" (for mains power, say), "learning", "done", or "gone" without an end.

    ``step`` of ``steps`` is 0 of 0 before and after the steps. ``message`` is one line for the
    user. ``adapter`` is the digest of what was put in use in the end.
    """

    workspace: str
    state: str
    message: str = ""
    step: int = 0
    steps: int = 0
    adapter: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "gone")

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_wire(data: Mapping[str, Any]) -> TrainingReport:
        """The inverse of `to_wire`; what is missing has its default.

        Raises:
            InvalidParamsError: a value is of the wrong kind.
        """
        values = {
            field.name: data[field.name] for field in fields(TrainingReport) if field.name in data
        }
        numbers = [values.get("step", 0), values.get("steps", 0)]
        texts = [values.get(name, "") for name in ("workspace", "message", "adapter")]
        if (
            values.get("state") not in _STATES
            or not all(isinstance(each, str) and len(each) <= _MOST_TEXT for each in texts)
            or not all(type(each) is int and each >= 0 for each in numbers)
        ):
            raise InvalidParamsError(
                f"A report needs a `workspace`, a `state` ({', '.join(_STATES)}), and `step` of "
                "`steps` as numbers."
            )
        return TrainingReport(**{"workspace": "", **values})
