"""What the soak proves: memory that stays flat, answers that a fresh process gives as well."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from soak_client import Ledger, Outcome, opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    import psutil

    from soak_client import Asked

SAMPLE_SECONDS = 1.0


async def watch_memory(process: psutil.Process, samples: list[float]) -> None:
    """Append the resident memory in bytes once a second, for ever."""
    while True:
        samples.append(float(process.memory_info().rss))
        await asyncio.sleep(SAMPLE_SECONDS)


def slope(values: Sequence[float]) -> float:
    """Least squares: by how much a value grows from one to the next."""
    count = len(values)
    if count < 2:
        return 0.0
    middle, mean = (count - 1) / 2, sum(values) / count
    spread = sum((i - middle) ** 2 for i in range(count))
    return sum((i - middle) * (v - mean) for i, v in enumerate(values)) / spread


def growth(samples: Sequence[float]) -> tuple[float, float]:
    """Of the second half: megabytes a minute, and its growth as a share of its mean."""
    half = samples[len(samples) // 2 :]
    each = slope(half)
    mean = sum(half) / len(half)
    return each * 60 / SAMPLE_SECONDS / 1e6, each * (len(half) - 1) / mean


async def compare_with_fresh(
    seen: dict[Asked, set[Outcome]], most: int, rng: Random
) -> tuple[int, list[str]]:
    """Ask the daemon that runs now, one question after the other, what was asked before.

    Returns how many were compared, and a description of each that differs.
    """
    chosen = rng.sample(sorted(seen, key=repr), min(most, len(seen)))
    ledger = Ledger()
    async with opened(ledger) as session:
        for asked in chosen:
            params = vars(asked) | {"budget_ms": 120_000}
            ((error, result),) = await session.ask("generate", params)
            if error:
                ledger.violations[f"a fresh process refused: {error['message']}"] += 1
            else:
                ledger.note_answer(params, result)
    differing = [
        f"{asked.question!r} (adapter {asked.adapter[:8] or 'none'}, n {asked.n}): "
        f"{sorted(map(str, under_load))} under load, {sorted(map(str, alone))} alone"
        for asked in chosen
        if (under_load := seen[asked]) != (alone := ledger.answers[asked])
    ]
    return len(chosen), [*differing, *ledger.violations]
