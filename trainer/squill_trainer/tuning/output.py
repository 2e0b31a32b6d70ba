"""What lies in an adapter's folder beside its weights: its card and its curves."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from squill.adapters import CARD, AdapterCard, adapter_digest
from squill.model_files import content_digest
from squill_trainer.tuning.curves import CURVES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from squill_trainer.base_model import Base
    from squill_trainer.tuning.curves import Curves


def seal(
    folder: Path,
    base: Base,
    prompt_format: str,
    curves: Curves,
    figures: Mapping[str, float],
    note: str,
) -> AdapterCard:
    """Write the card and the curves of the finished adapter in ``folder``.

    Raises:
        AdapterError: its weights or its configuration are missing.
    """
    card = AdapterCard(
        digest=adapter_digest(folder),
        base=content_digest(base.folder),
        prompt_format=prompt_format,
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
        figures=figures,
        note=note,
    )
    (folder / CURVES).write_text(json.dumps(curves.to_json()), encoding="utf-8")
    (folder / CARD).write_text(json.dumps(card.to_wire(), indent=1), encoding="utf-8")
    return card
