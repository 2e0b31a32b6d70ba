"""What a training measured, step by step: kept beside the adapter, drawn by `report`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from squill.errors import AdapterError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CURVES = "curves.json"


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one step; losses in nats a token, None where it was not.

    ``accuracy`` is the share of the validation's tokens that the model would have written.
    """

    step: int
    loss: float | None = None
    validation: float | None = None
    accuracy: float | None = None


@dataclass(slots=True)
class Curves:
    """``gate`` is what the gate measured (before, after), empty where there was none."""

    steps: list[Point] = field(default_factory=list)
    gate: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        steps = [
            {key: value for key, value in asdict(point).items() if value is not None}
            for point in self.steps
        ]
        return {"steps": steps, "gate": dict(self.gate)}

    @property
    def last_loss(self) -> float | None:
        return next((p.loss for p in reversed(self.steps) if p.loss is not None), None)

    @property
    def last_validation(self) -> Point | None:
        return next((p for p in reversed(self.steps) if p.validation is not None), None)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Curves:
        """
        Raises:
            KeyError, TypeError: it is not what `to_json` gave.
        """
        return Curves([Point(**point) for point in data["steps"]], dict(data.get("gate", {})))


def read_curves(folder: Path) -> Curves:
    """Those of the adapter in ``folder``.

    Raises:
        AdapterError: it has none, or they are damaged.
    """
    path = folder / CURVES
    try:
        return Curves.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise AdapterError(
            f"{folder} has no curves: Squill did not train it. Train it with `squill train`."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AdapterError(f"{path} is damaged ({error}). Train the adapter again.") from error
