"""An adapter in a folder of its own, as mlx-lm's trainer or ``squill train`` wrote it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from squill.adapters.card import AdapterCard
from squill.adapters.content import CARD, adapter_digest
from squill.errors import AdapterError
from squill.model_files import content_digest
from squill.prompt.formats import declared_format

if TYPE_CHECKING:
    from pathlib import Path

    from squill.adapters.registry import AdapterRegistry


def adopt(registry: AdapterRegistry, folder: Path, model: Path) -> AdapterCard:
    """Publish the adapter in ``folder``; content that is published already is only found.

    A folder that says nothing of its origin is taken for one of ``model``, trained on prompts of
    that model's form: whoever loads it checks that it fits.

    Raises:
        AdapterError: it is no adapter, its card is damaged, or was written for other weights.
    """
    card = _card(folder)
    return registry.publish(
        folder,
        base=card.base if card else content_digest(model),
        prompt_format=card.prompt_format if card else declared_format(model),
        pairs=card.pairs if card else (),
        figures=card.figures if card else None,
        note=card.note if card else f"from {folder.name}",
    )


def _card(folder: Path) -> AdapterCard | None:
    path = folder / CARD
    try:
        card = AdapterCard.from_wire(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, AttributeError) as error:
        raise AdapterError(
            f"{path} cannot be read ({error}). Remove it, or train again."
        ) from error
    if card.digest != adapter_digest(folder):
        raise AdapterError(
            f"{path} was written for other weights than those beside it. Remove it, or train again."
        )
    return card
