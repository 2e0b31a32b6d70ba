"""A candidate is asked, through the daemon, what it should know; answers are judged by form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from squill.errors import NoValidAnswerError, SchemaError
from squill.schema import to_wire
from squill_trainer.evaluation import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from squill_trainer.learning.examples import Example

_BUDGET_MS = 60_000  # nobody waits for these answers, and they wait for everybody


class Asks(Protocol):
    """The daemon's side of a connection (`squill.client.DaemonClient`)."""

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Score:
    """Of ``asked`` questions, how many were answered at all and how many with the wanted query."""

    asked: int = 0
    valid: int = 0
    right: int = 0

    @property
    def share(self) -> float:
        return self.right / self.asked if self.asked else 0.0

    def __str__(self) -> str:
        return f"{self.right}/{self.asked}"


async def measure(daemon: Asks, adapter: str | None, examples: Sequence[Example]) -> Score:
    """What the adapter (None: the base model) answers where it is active, in the background.

    Raises:
        SquillError: the daemon cannot use the adapter, or cannot be reached.
    """
    valid = right = 0
    for example in examples:
        answer = await _answer(daemon, adapter, example)
        valid += answer is not None
        right += answer is not None and is_wanted(answer, example)
    return Score(len(examples), valid, right)


async def _answer(daemon: Asks, adapter: str | None, example: Example) -> str | None:
    params = {
        "schema": to_wire(example.schema),
        "question": example.question,
        "dialect": example.schema.dialect,
        "adapter": adapter or "",
        "confined": True,
        "background": True,
        "budget_ms": _BUDGET_MS,
    }
    try:
        answer = await daemon.call("generate", params)
    except (NoValidAnswerError, SchemaError):
        return None
    candidates = answer["candidates"]
    return str(candidates[0]["sql"]) if candidates else None


def is_wanted(sql: str, example: Example) -> bool:
    """Whether both are one query in canonical form, or letter for letter where there is none."""
    wanted = canonical(example.sql, example.schema)
    if wanted is None:
        return sql.split() == example.sql.split()
    return canonical(sql, example.schema) == wanted
