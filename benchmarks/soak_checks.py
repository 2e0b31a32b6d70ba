"""What the soak proves: memory that stays flat, answers that a fresh process gives as well."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from soak_client import Ledger, Outcome, opened

if TYPE_CHECKING:
    from random import Random

    import psutil

    from soak_client import Asked

SAMPLE_SECONDS = 1.0


@dataclass(slots=True)
class Memory:
    """Resident memory of the daemon in bytes: once a second, and at each pause."""

    samples: list[float] = field(default_factory=list)
    at_rest: list[float] = field(default_factory=list)

    async def watch(self, process: psutil.Process) -> None:
        """Take samples for ever."""
        while True:
            self.samples.append(float(process.memory_info().rss))
            await asyncio.sleep(SAMPLE_SECONDS)

    def note_rest(self) -> None:
        self.at_rest.append(self.samples[-1])

    @property
    def growth(self) -> float:
        """From the middle pause to the last, as a share."""
        return self.at_rest[-1] / self.at_rest[len(self.at_rest) // 2 - 1] - 1


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
