"""Asks a candidate what the adapter in use was asked, and has the gate judge both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from squill_trainer.learning.evaluation import measure
from squill_trainer.learning.gate import Kept, Measured, forgetting, judge

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
class Keeping:
    """The questions of a `Kept`; nobody learns them."""

    general: Sequence[Example]
    plain: Sequence[Example] = ()

    async def ask(self, daemon: Asks, digest: str | None) -> Kept:
        """What the adapter makes of them, None for the base model."""
        return Kept(
            await measure(daemon, digest, self.general), await measure(daemon, digest, self.plain)
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """The questions, of the pairs and general ones, and what the adapter in use made of them.

    ``left_out`` are of the pairs that it does not know, and that a candidate learns last.
    """

    daemon: Asks
    asked: Sequence[Example]
    keeping: Keeping
    left_out: Sequence[Example]
    before: Score
    left_out_before: Score
    kept_before: Kept
    kept_base: Kept
    _kept: dict[str, Kept] = field(default_factory=dict)

    @staticmethod
    async def begin(
        daemon: Asks,
        current: str | None,
        asked: Sequence[Example],
        keeping: Keeping,
        left_out: Sequence[Example] = (),
    ) -> Trial:
        """``current`` is the digest in use, None for the base model."""
        before = await measure(daemon, current, asked)
        left_out_before = await measure(daemon, current, left_out)
        kept_before = await keeping.ask(daemon, current)
        kept_base = await keeping.ask(daemon, None) if current else kept_before
        return Trial(
            daemon, asked, keeping, left_out, before, left_out_before, kept_before, kept_base
        )

    async def ask_left_out(self, digest: str) -> Score:
        """Of a candidate that has not learned them yet."""
        return await measure(self.daemon, digest, self.left_out)

    async def forgets(self, digest: str) -> str:
        """`gate.forgetting` of the candidate."""
        return forgetting(await self._ask_kept(digest), self.kept_before, self.kept_base)

    async def judge(self, digest: str, loss: float, loss_before: float, left_out: Score) -> Judged:
        """The losses are of the pairs' SQL, in nats a token; ``left_out`` is `ask_left_out`'s."""
        after = await measure(self.daemon, digest, self.asked)
        verdict = judge(
            Measured(after, await self._ask_kept(digest), loss, left_out),
            Measured(self.before, self.kept_before, loss_before, self.left_out_before),
            self.kept_base,
        )
        return Judged(verdict, after)

    async def _ask_kept(self, digest: str) -> Kept:
        if digest not in self._kept:
            self._kept[digest] = await self.keeping.ask(self.daemon, digest)
        return self._kept[digest]
