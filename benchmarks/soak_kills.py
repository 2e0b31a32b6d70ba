"""Kills the daemon at random moments under load; each next start must be clean."""

from __future__ import annotations

import asyncio
import sys
import time
from random import Random
from typing import TYPE_CHECKING, Any

from soak_client import Ledger, opened
from soak_load import Client, draw_material
from squill.paths import runtime_paths
from squill_daemon.instance import answers, holder

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Starter = Callable[[], AbstractContextManager[subprocess.Popen[bytes]]]

CLIENTS = 6
_LATEST_SECONDS = 8.0


async def kill_and_restart(kills: int, started: Starter) -> tuple[list[list[str]], list[str]]:
    """The table, and a sentence for each start that was not clean."""
    rng, problems = Random(0), list[str]()
    states: dict[str, int] = {}
    times: list[float] = []
    for number in range(kills):
        state = await _kill_once(rng, started)
        states[state] = states.get(state, 0) + 1
        began = time.monotonic()
        problems += [f"kill {number + 1}: {p}" for p in await _next_start(started)]
        times.append(time.monotonic() - began)
        print(f"\r{number + 1} of {kills}", end="", file=sys.stderr, flush=True)
    rows = [["", "figure"], ["kills", str(kills)]]
    rows += [[f"killed while it was {state}", str(count)] for state, count in states.items()]
    rows += [["starts that were not clean", str(len(problems))]]
    rows += [["next start to a full answer, s (longest)", f"{max(times):.1f}"]]
    return rows, problems


async def _kill_once(rng: Random, started: Starter) -> str:
    """Returns what the daemon was doing a moment before."""
    ledger, over = Ledger(), asyncio.Event()
    material = draw_material([], Random(0))
    with started() as process:
        clients = [Client(n, material, ledger).run(over) for n in range(CLIENTS)]
        tasks = [asyncio.create_task(client) for client in clients]
        await asyncio.sleep(rng.uniform(0, _LATEST_SECONDS))
        async with opened(ledger) as session:
            ((_, status),) = await session.ask("status", {})
            process.kill()
            over.set()
            await session.ended()
        await asyncio.gather(*tasks, return_exceptions=True)
    return _described(status)


def _described(status: dict[str, Any] | None) -> str:
    if status is None:
        return "answering nobody"
    busy = " and at work" if status["queue"] else ""
    return f"{status['state']}{busy}"


async def _next_start(started: Starter) -> list[str]:
    problems = []
    if holder(runtime_paths()) is not None or answers(runtime_paths().socket):
        problems.append("the dead one still holds its place")
    ledger = Ledger()
    material = draw_material([], Random(0))
    schema, questions = material.versions[0][0]
    with started() as process:
        async with opened(ledger) as session:
            params = {"schema": schema, "question": questions[0], "budget_ms": 60_000}
            ((error, result),) = await session.ask("generate", params)
            if error or not result["candidates"]:
                problems.append(f"no answer: {error or result['refused']}")
        if holder(runtime_paths()) != process.pid:
            problems.append("the lock names another process")
    return [*problems, *ledger.violations]
