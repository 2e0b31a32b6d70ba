"""A request on its way through the model thread, and the messages that carry it there."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from squill_daemon.requests import GenerateRequest, PrefillRequest

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from squill_daemon.engine import Outcome
    from squill_daemon.requests import Document, Request


class JobState(Enum):
    WAITING = "waiting"
    PREFILL = "prefill"
    DECODE = "decode"
    FINISHED = "finished"


@dataclass(eq=False, slots=True)
class Job:
    """``state`` and ``generated`` (tokens) are the model thread's, ``result`` is the event loop's.

    ``owner`` tells connections apart: a newer version of a document cancels the older requests
    of the same owner only.
    """

    request: Request
    result: asyncio.Future[Outcome]
    owner: object = None
    on_text: Callable[[str], None] | None = None
    arrival: float = field(default_factory=time.monotonic)
    state: JobState = JobState.WAITING
    generated: int = 0

    @property
    def interactive(self) -> bool:
        """Whether somebody waits for it; a prefill only warms up, an evaluation has time."""
        if isinstance(self.request, GenerateRequest):
            return not self.request.background
        return not isinstance(self.request, PrefillRequest)

    def outdates(self, other: Job) -> bool:
        """Whether this job makes ``other`` stale: same owner, same document, newer version."""
        mine, theirs = self._document(), other._document()
        return (
            self.owner is other.owner
            and mine is not None
            and theirs is not None
            and mine.uri == theirs.uri
            and mine.version > theirs.version
        )

    def _document(self) -> Document | None:
        request = self.request
        return request.document if isinstance(request, GenerateRequest) else None


@dataclass(frozen=True, slots=True)
class Submit:
    job: Job


@dataclass(frozen=True, slots=True)
class Cancel:
    job: Job
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    pass


ToModelThread = Submit | Cancel | Stop
