"""What the daemon has answered so far, in figures. They stay in the process: nothing is written.

Only counts, times and error codes are kept, nothing that a user wrote.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill_daemon.engine import Answer

RECENT = 100
"""How many of the last answers the percentiles are of."""


class Metrics:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._tokens: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._answers = 0
        self._cancelled = 0

    def answered(self, answer: Answer) -> None:
        """A `generate` had its result, with or without candidates."""
        self._answers += 1
        self._recent.append(answer.milliseconds.total)
        tokens = answer.tokens
        self._tokens.update(
            prompt=tokens.prompt,
            cached=tokens.cached,
            generated=tokens.generated,
            forced=tokens.forced,
        )

    def failed(self, code: str) -> None:
        """A request was answered with the error ``code`` (of `SquillError`)."""
        self._errors[code] += 1

    def cancelled(self) -> None:
        """A request was cancelled: by its client, by a newer one, or for a client that left."""
        self._cancelled += 1

    def figures(self) -> dict[str, Any]:
        """The parts of `status` that are known here; a time or rate of nothing is None.

        ``answers.count`` counts from the daemon's start, the percentiles are of the last hundred.
        """
        prompt, cached = self._tokens["prompt"], self._tokens["cached"]
        return {
            "answers": {
                "count": self._answers,
                "p50_ms": percentile(self._recent, 50),
                "p95_ms": percentile(self._recent, 95),
                "generated_tokens": self._tokens["generated"],
                "forced_tokens": self._tokens["forced"],
            },
            "cache": {
                "prompt_tokens": prompt,
                "cached_tokens": cached,
                "hit_rate": round(cached / prompt, 4) if prompt else None,
            },
            "cancelled": self._cancelled,
            "errors": dict(self._errors),
        }


def percentile(values: Sequence[float], percent: int) -> float | None:
    """By nearest rank: the least value that at least ``percent`` % do not exceed; None of none."""
    if not values:
        return None
    rank = -(-percent * len(values) // 100)  # rounded up, without the errors of a float
    return sorted(values)[max(rank, 1) - 1]
