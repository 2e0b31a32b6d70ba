"""Figures over verdicts: shares with their intervals, times, tokens, kinds of error."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from squill_trainer.evaluation.syntax import CLASSES, KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from squill_trainer.evaluation.predictions import Run
    from squill_trainer.evaluation.verdicts import Verdict

_NORMAL_95 = 1.959964


def figures(run: Run, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Everything that is reported, as JSON has it. Times are milliseconds, shares 0 to 1."""
    classes = {name: [v for v in verdicts if v.sql_class == name] for name in CLASSES}
    return {
        "run": asdict(run),
        "overall": accuracy(verdicts),
        "classes": {name: accuracy(found) for name, found in classes.items() if found},
        "milliseconds": _times([v.prediction.milliseconds for v in verdicts]),
        "tokens": _tokens(verdicts),
        "errors": error_counts(verdicts),
        "left_out": dict(Counter(v.left_out for v in verdicts if v.left_out)),
    }


def accuracy(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Of all questions; ``execution`` of those whose rows could be compared."""
    compared = [v for v in verdicts if v.executed is not None]

    def share(holds: Callable[[Verdict], object], of: Sequence[Verdict]) -> dict[str, Any] | None:
        count = sum(bool(holds(v)) for v in of)
        return {"count": count, "of": len(of)} | interval(count, len(of)) if of else None

    return {
        "questions": len(verdicts),
        "answered": share(lambda v: v.answered, verdicts),
        "parses": share(lambda v: v.parses, verdicts),
        "binds": share(lambda v: v.binds, verdicts),
        "exact": share(lambda v: v.exact, verdicts),
        "execution": share(lambda v: v.executed, compared),
        "shown_unbound": sum(v.answered and not v.binds for v in verdicts),
        "shown_failing": sum(bool(v.error) for v in verdicts),
    }


def interval(count: int, of: int) -> dict[str, float]:
    """A share with Wilson's interval of 95 %."""
    share, z2 = count / of, _NORMAL_95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    spread = math.sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    low, high = max(0.0, middle - _NORMAL_95 * spread), min(1.0, middle + _NORMAL_95 * spread)
    return {"share": share, "low": low, "high": high}


def percentile(values: Sequence[float], percent: float) -> float:
    """By nearest rank; ``values`` must not be empty."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def _times(values: Sequence[float]) -> dict[str, float]:
    asked = [value for value in values if value > 0]
    if not asked:
        return {}
    return {f"p{p}": round(percentile(asked, p), 1) for p in (50, 95)} | {
        "most": round(max(asked), 1)
    }


def _tokens(verdicts: Sequence[Verdict]) -> dict[str, float]:
    asked = [v.prediction for v in verdicts if v.prediction.prompt_tokens]
    if not asked:
        return {}
    return {
        "prompt": round(sum(p.prompt_tokens for p in asked) / len(asked), 1),
        "generated": round(sum(p.generated_tokens for p in asked) / len(asked), 1),
    }


def error_counts(verdicts: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """Each kind: how many wrong answers have it, and of how many it is the only one."""
    any_ = Counter(kind for v in verdicts for kind in v.kinds)
    alone = Counter(v.kinds[0] for v in verdicts if len(v.kinds) == 1)
    return {kind: {"any": any_[kind], "alone": alone[kind]} for kind in KINDS if any_[kind]}
