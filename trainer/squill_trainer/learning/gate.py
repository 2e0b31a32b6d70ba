"""Whether a candidate may take the place of the adapter in use."""

from __future__ import annotations

from dataclasses import dataclass, field

from squill_trainer.learning.evaluation import Score

_CANARY_NOISE = 0.02
"""So much of the general questions may go wrong before it counts as forgetting."""
_BETTER_LOSS = 0.95
_LEFT_OUT_NOISE = 1
"""Pairs left out that may go wrong: few are asked, of a candidate that is half trained then."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One adapter's figures. ``loss`` is of the pairs' SQL, in nats a token.

    ``left_out`` is of pairs that it had not learned when it was asked them.
    """

    pairs: Score
    canary: Score
    loss: float
    left_out: Score = field(default_factory=Score)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` is one sentence for the user: why it was promoted, or why not."""

    promoted: bool
    reason: str
    figures: dict[str, float]


def judge(candidate: Measured, current: Measured, base_canary: Score) -> Verdict:
    """Promoted only if no worse on the pairs and in general, and better on one of them.

    General skill is compared with the adapter in use and with the base model, so that small losses
    do not add up from one adapter to the next.
    """
    figures = {
        "pairs_right": float(candidate.pairs.right),
        "pairs_asked": float(candidate.pairs.asked),
        "pairs_valid": float(candidate.pairs.valid),
        "pairs_right_before": float(current.pairs.right),
        "canary_right": float(candidate.canary.right),
        "canary_asked": float(candidate.canary.asked),
        "canary_right_before": float(current.canary.right),
        "canary_right_base": float(base_canary.right),
        "left_out_right": float(candidate.left_out.right),
        "left_out_asked": float(candidate.left_out.asked),
        "left_out_right_before": float(current.left_out.right),
        "loss": candidate.loss,
        "loss_before": current.loss,
    }
    reason = forgetting(candidate.canary, current.canary, base_canary)
    reason = reason or _objection(candidate, current)
    return Verdict(not reason, reason or _gain(candidate, current), figures)


def forgetting(candidate: Score, current: Score, base: Score) -> str:
    """One sentence where the candidate answers fewer general questions, else an empty one."""
    if candidate.share >= max(current.share, base.share) - _CANARY_NOISE - 1e-9:
        return ""
    return (
        f"It forgets general questions: {current} before, {base} without any "
        f"adapter, {candidate} now."
    )


def _objection(candidate: Measured, current: Measured) -> str:
    before, after = current.pairs, candidate.pairs
    if after.right < before.right:
        return f"It answers fewer of the pairs: {before} before, {after} now."
    if after.valid < before.valid:
        return f"Fewer answers are valid: {before.valid} before, {after.valid} now."
    missed = current.left_out.right - candidate.left_out.right
    if candidate.left_out.asked and missed > _LEFT_OUT_NOISE:
        return (
            "It answers fewer of the pairs that it had not learned yet: "
            f"{current.left_out} before, {candidate.left_out} now."
        )
    if _is_better(candidate, current):
        return ""
    return f"It is no better than what is in use: {before} pairs before, {after} now."


def _is_better(candidate: Measured, current: Measured) -> bool:
    return (
        candidate.pairs.right > current.pairs.right
        or candidate.left_out.right > current.left_out.right
        or candidate.canary.right > current.canary.right
        or candidate.loss < _BETTER_LOSS * current.loss
    )


def _gain(candidate: Measured, current: Measured) -> str:
    left_out = ""
    if candidate.left_out.asked:
        left_out = f"pairs not learned yet {current.left_out} → {candidate.left_out}, "
    return (
        f"pairs {current.pairs} → {candidate.pairs}, {left_out}"
        f"general questions {current.canary} → {candidate.canary}"
    )
