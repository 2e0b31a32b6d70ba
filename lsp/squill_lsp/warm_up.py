"""Has the daemon read schemas before anybody asks about them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from squill.errors import SquillError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from squill_lsp.link import DaemonLink
    from squill_lsp.recent_answers import Ground

_MOST_KNOWN = 256


class WarmUp:
    """One prefill at a time, none sent while a question waits. Belongs to the event loop.

    A prefill under way outlives the edit that began it, unless the schema has changed.
    """

    def __init__(self, link: DaemonLink) -> None:
        self._link = link
        self._warm: set[Ground] = set()
        self._reading: tuple[Ground, asyncio.Task[None]] | None = None
        self._questions = 0
        self._no_question = asyncio.Event()
        self._no_question.set()

    def begin(self, ground: Ground, params: Mapping[str, Any]) -> None:
        """Have the daemon read the schema in ``params``, once for each ground."""
        if ground in self._warm:
            return
        if self._reading is not None:
            if self._reading[0] == ground:
                return
            self._reading[1].cancel()
        task = asyncio.create_task(self._read(ground, params))
        self._reading = (ground, task)
        task.add_done_callback(self._read_done)

    async def _read(self, ground: Ground, params: Mapping[str, Any]) -> None:
        while self._questions:
            await self._no_question.wait()
        if ground in self._warm:
            return  # the question has had it read
        try:
            await self._link.call("prefill", params)
        except SquillError:
            return  # a missed warm-up costs time only; the link has told the editor
        self.is_warm(replace(ground, epoch=self._link.epoch))

    def _read_done(self, task: asyncio.Task[None]) -> None:
        if self._reading is not None and self._reading[1] is task:
            self._reading = None

    def is_warm(self, ground: Ground) -> None:
        """The daemon has read the schema."""
        if len(self._warm) >= _MOST_KNOWN:
            self._warm.clear()
        self._warm.add(ground)

    @contextmanager
    def question(self) -> Iterator[None]:
        """While a question is with the daemon."""
        self._questions += 1
        self._no_question.clear()
        try:
            yield
        finally:
            self._questions -= 1
            if not self._questions:
                self._no_question.set()
