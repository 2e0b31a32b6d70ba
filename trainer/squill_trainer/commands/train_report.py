"""The curves of a training on pairs: kept beside its adapter, drawn where that is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from squill.adapters import user_registry
from squill_trainer.tuning.curves import CURVES, Curves, Point
from squill_trainer.tuning.report import write_report

if TYPE_CHECKING:
    from squill_trainer.learning.run import Outcome

_DIGITS = 12


def keep_curves(outcome: Outcome) -> Curves:
    """Put curves.json beside the candidate: each step's loss, and what the gate measured.

    Raises:
        AdapterError: the candidate is no longer in the registry.
    """
    assert outcome.digest is not None, "there is a candidate"
    registry = user_registry()
    steps = [Point(number, loss=loss) for number, loss in enumerate(outcome.losses, 1)]
    curves = Curves(steps, registry.card(outcome.digest).figures)
    registry.attach(outcome.digest, CURVES, json.dumps(curves.to_json()).encode())
    return curves


def draw(outcome: Outcome, curves: Curves, folder: Path) -> tuple[Path, Path]:
    """The page and the picture, in ``folder``, or for "." in the adapter's own."""
    assert outcome.digest is not None, "there is a candidate"
    place = user_registry().folder(outcome.digest) if folder == Path() else folder
    place.mkdir(parents=True, exist_ok=True)
    return write_report(place, curves, f"adapter {outcome.digest[:_DIGITS]}: {outcome.reason}")
