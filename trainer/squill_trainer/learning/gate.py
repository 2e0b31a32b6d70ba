"""Whether a candidate may take the place of the adapter in use."""

from __future__ import annotations

from dataclasses import dataclass, field

from squill_trainer.learning.evaluation import Score

_CANARY_NOISE = 0.02
"""So much of the general questions may go wrong before it counts as forgetting."""
_PLAIN_NOISE = 1
"""Plain questions on the pairs' own tables that may go wrong."""
_BETTER_LOSS = 0.95
_LEFT_OUT_NOISE = 1
"""Pairs left out that may go wrong: few are asked, of a candidate in the middle of its
training."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What no adapter may spoil: ``general`` questions on other tables, ``plain`` ones, without
    house words, on the pairs' own.
    """

    general: Score
    plain: Score = field(default_factory=Score)


@dataclass(frozen=True, slots=True)
class Measured:
    """One adapter's figures. ``loss`` is of the pairs' SQL, in nats a token.

    ``left_out`` is of pairs that it had not learned when it was asked them.
    """

    pairs: Score
    kept: Kept
    loss: float
    left_out: Score = field(default_factory=Score)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` is one sentence for the user: why it was promoted, or why not."""

    promoted: bool
    reason: str
    figures: dict[str, float]


def judge(candidate: Measured, current: Measured, base: Kept) -> Verdict:
    """Promoted only if no worse on the pairs and in general, and better on one of them.

    General skill is compared with the adapter in use and with the base model, so that small losses
    do not add up from one adapter to the next.
    """
    figures = {
        "pairs_right": float(candidate.pairs.right),
        "pairs_asked": float(candidate.pairs.asked),
        "pairs_valid": float(candidate.pairs.valid),
        "pairs_right_before": float(current.pairs.right),
        "canary_right": float(candidate.kept.general.right),
        "canary_asked": float(candidate.kept.general.asked),
        "canary_right_before": float(current.kept.general.right),
        "canary_right_base": float(base.general.right),
        "plain_right": float(candidate.kept.plain.right),
        "plain_asked": float(candidate.kept.plain.asked),
        "plain_right_before": float(current.kept.plain.right),
        "plain_right_base": float(base.plain.right),
        "left_out_right": float(candidate.left_out.right),
        "left_out_asked": float(candidate.left_out.asked),
        "left_out_right_before": float(current.left_out.right),
        "loss": candidate.loss,
        "loss_before": current.loss,
    }
    reason = forgetting(candidate.kept, current.kept, base)
    reason = reason or _objection(candidate, current)
    return Verdict(not reason, reason or _gain(candidate, current), figures)


def forgetting(candidate: Kept, current: Kept, base: Kept) -> str:
    """One sentence where the candidate answers fewer of what it must keep, else an empty one."""
    if candidate.general.share < (
        max(current.general.share, base.general.share) - _CANARY_NOISE - 1e-9
    ):
        return (
            f"It forgets general questions: {current.general} before, {base.general} without any "
            f"adapter, {candidate.general} now."
        )
    if candidate.plain.right < max(current.plain.right, base.plain.right) - _PLAIN_NOISE:
        return (
            f"It answers fewer plain questions on the pairs' tables: {current.plain} before, "
            f"{base.plain} without any adapter, {candidate.plain} now."
        )
    return ""


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
        or candidate.kept.general.right > current.kept.general.right
        or candidate.loss < _BETTER_LOSS * current.loss
    )


def _gain(candidate: Measured, current: Measured) -> str:
    left_out = ""
    if candidate.left_out.asked:
        left_out = f"pairs not learned yet {current.left_out} → {candidate.left_out}, "
    return (
        f"pairs {current.pairs} → {candidate.pairs}, {left_out}"
        f"general questions {current.kept.general} → {candidate.kept.general}"
    )
