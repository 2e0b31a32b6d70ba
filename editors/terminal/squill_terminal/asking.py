"""Questions to the daemon for callers without an event loop of their own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from squill.client import connect_or_start
from squill.errors import DaemonUnavailableError
from squill.model_choice import model_choice
from squill.schema import to_wire

if TYPE_CHECKING:
    from pathlib import Path

    from squill.model_choice import ModelChoice
    from squill.schema import Schema
    from squill.settings import Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """``statements`` are without semicolon, the best first; ``refused`` says why there are none.

    ``adapter_problem``: why what was learned in this folder didn't answer.
    """

    statements: tuple[str, ...]
    refused: str = ""
    adapter_problem: str = ""


def ask(question: str, schema: Schema, folder: Path, settings: Settings, n: int = 1) -> Answer:
    """Ask the user's daemon, which is started where none runs; blocks until it has answered.

    Also where the calling thread runs an event loop: the asking has a thread of its own.

    Raises:
        SquillError: the daemon cannot be reached or started, or answers with this error.
    """
    choice = model_choice(settings, folder)
    params = {
        "schema": to_wire(schema),
        "question": question,
        "n": n,
        "budget_ms": settings.generation.budget_ms,
        "workspace": str(folder),
        "model": choice.name,
    }
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ask") as thread:
        reply = thread.submit(asyncio.run, _ask(params, settings, choice)).result()
    statements = tuple(str(candidate["sql"]) for candidate in reply["candidates"])
    return Answer(statements, reply.get("refused") or "", reply.get("adapter_problem") or "")


async def _ask(params: dict[str, Any], settings: Settings, choice: ModelChoice) -> dict[str, Any]:
    """As it is put; where the daemon ends in mid-request, to the next one, once."""
    for is_last in (False, True):
        async with await connect_or_start(
            start=settings.daemon.autostart, options=choice.options, name="squill repl"
        ) as client:
            try:
                answer: dict[str, Any] = await client.call("generate", params)
            except DaemonUnavailableError as error:
                if is_last or not await client.has_left(error):
                    raise
            else:
                return answer
    raise AssertionError("unreachable: the second request answers or raises")
