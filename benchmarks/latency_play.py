"""Plays a recorded session, keys and pauses in real time, against one side at a time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from latency_session import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latency_peer import Writer
    from latency_session import Episode, Pause

WaitKind = Kind | Literal["asked already", "typed on"]

_READING_SECONDS = 0.6
"""Between opening or editing a schema and the first key of a comment."""
_LONGEST_SECONDS = 120.0


@dataclass(frozen=True)
class Wait:
    """What a user waited for once. ``kind`` is the episode's, unless the whole question was asked
    before its line was ended, or the shown query is being typed."""

    kind: WaitKind
    milliseconds: float
    shown: bool


async def play(episode: Episode, before: Episode | None, writer: Writer) -> list[Wait]:
    """One comment; ``before`` is the one that this side was given last."""
    if before is None or before.schema != episode.schema:
        await writer.switch(episode.design)
    elif before.design != episode.design:
        await writer.edit(episode.design)
    await writer.typed("", None)
    await asyncio.sleep(_READING_SECONDS)
    async with asyncio.timeout(_LONGEST_SECONDS):
        await _type_question(episode, writer)
        await writer.typed(episode.question, "")
        writer.get_ready()
        if episode.abandoned is not None:
            await _give_up(writer, episode.abandoned)
            return []
        kind: WaitKind = "asked already" if episode.asked_already else episode.kind
        wait, shown = await _timed(writer, kind)
        return [wait, *await _type_on(episode, shown or "SELECT ", writer)]


async def _type_question(episode: Episode, writer: Writer) -> None:
    pauses = {pause.typed: pause for pause in episode.pauses}
    for typed, gap in enumerate(episode.gaps, start=1):
        await writer.typed(episode.question[:typed], None)
        if typed in pauses:
            await _pause(writer, pauses[typed])
        await asyncio.sleep(gap)


async def _pause(writer: Writer, pause: Pause) -> None:
    """The editor asks, and the next key makes what has not come by then stale."""
    began = time.perf_counter()
    writer.get_ready()
    await _give_up(writer, pause.seconds)
    await asyncio.sleep(max(0.0, pause.seconds - (time.perf_counter() - began)))


async def _give_up(writer: Writer, seconds: float) -> None:
    asking = asyncio.create_task(writer.suggestion())
    await asyncio.wait([asking], timeout=seconds)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking


async def _type_on(episode: Episode, shown: str, writer: Writer) -> list[Wait]:
    """The user types what is shown instead of taking it; the editor asks at each pause."""
    waits, done = [], 0
    for share in episode.typed_on:
        upto = max(1, int(share * len(shown)))
        for typed in range(done + 1, upto + 1):
            await writer.typed(episode.question, shown[:typed])
            await asyncio.sleep(episode.gaps[typed % len(episode.gaps)])
        done = upto
        writer.get_ready()
        waits.append((await _timed(writer, "typed on"))[0])
    return waits


async def _timed(writer: Writer, kind: WaitKind) -> tuple[Wait, str | None]:
    began = time.perf_counter()
    shown = await writer.suggestion()
    return Wait(kind, 1000 * (time.perf_counter() - began), bool(shown)), shown


async def play_all(episodes: Sequence[Episode], writers: Sequence[Writer]) -> dict[str, list[Wait]]:
    """Each episode against one side and then the next; who goes first changes every time."""
    waits: dict[str, list[Wait]] = {writer.name: [] for writer in writers}
    before: Episode | None = None
    for number, episode in enumerate(episodes):
        turn = number % len(writers)
        for writer in (*writers[turn:], *writers[:turn]):
            waits[writer.name] += await play(episode, before, writer)
        before = episode
    return waits
