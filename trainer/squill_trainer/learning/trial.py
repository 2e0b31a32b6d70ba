"""Asks a candidate what the adapter in use was asked, and has the gate judge both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from squill_trainer.learning.evaluation import measure
from squill_trainer.learning.gate import Measured, forgetting, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill_trainer.learning.evaluation import Asks, Score
    from squill_trainer.learning.examples import Example
    from squill_trainer.learning.gate import Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """``after`` is the candidate's score on the pairs."""

    verdict: Verdict
    after: Score


@dataclass(frozen=True, slots=True)
class Trial:
    """The questions, of the pairs and general ones, and what the adapter in use made of them.

    ``left_out`` are of the pairs that it does not know, and that a candidate learns last.
    """

    daemon: Asks
    asked: Sequence[Example]
    watched: Sequence[Example]
    left_out: Sequence[Example]
    before: Score
    left_out_before: Score
    general_before: Score
    general_base: Score
    _generals: dict[str, Score] = field(default_factory=dict)

    @staticmethod
    async def begin(
        daemon: Asks,
        current: str | None,
        asked: Sequence[Example],
        watched: Sequence[Example],
        left_out: Sequence[Example] = (),
    ) -> Trial:
        """``current`` is the digest in use, None for the base model."""
        before = await measure(daemon, current, asked)
        left_out_before = await measure(daemon, current, left_out)
        general_before = await measure(daemon, current, watched)
        general_base = await measure(daemon, None, watched) if current else general_before
        return Trial(
            daemon,
            asked,
            watched,
            left_out,
            before,
            left_out_before,
            general_before,
            general_base,
        )

    async def ask_left_out(self, digest: str) -> Score:
        """Of a candidate that has not learned them yet."""
        return await measure(self.daemon, digest, self.left_out)

    async def forgets(self, digest: str) -> str:
        """`gate.forgetting` of the candidate."""
        return forgetting(await self._general(digest), self.general_before, self.general_base)

    async def judge(self, digest: str, loss: float, loss_before: float, left_out: Score) -> Judged:
        """The losses are of the pairs' SQL, in nats a token; ``left_out`` is `ask_left_out`'s."""
        after = await measure(self.daemon, digest, self.asked)
        verdict = judge(
            Measured(after, await self._general(digest), loss, left_out),
            Measured(self.before, self.general_before, loss_before, self.left_out_before),
            self.general_base,
        )
        return Judged(verdict, after)

    async def _general(self, digest: str) -> Score:
        if digest not in self._generals:
            self._generals[digest] = await measure(self.daemon, digest, self.watched)
        return self._generals[digest]
