"""An adapter by digest or folder, put on its base model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import mlx.core as mx
from mlx_lm.tuner.utils import load_adapters

from squill.adapters import user_registry
from squill.adapters.foreign import adopt
from squill.errors import AdapterError
from squill.model_files import content_digest, model_folder

if TYPE_CHECKING:
    from squill.adapters import AdapterCard
    from squill_trainer.base_model import Base


def find_adapter(named: str, model: str) -> tuple[AdapterCard, Path]:
    """The adapter of that digest, or in that folder, which is published first; and its folder.

    Raises:
        AdapterError: it is not there, or belongs to another model than ``model``.
    """
    registry = user_registry()
    path = Path(named).expanduser()
    folder = model_folder(model)
    card = adopt(registry, path, folder) if path.is_dir() else registry.card(named)
    if card.base != content_digest(folder):
        raise AdapterError(
            f"Adapter {card.digest[:12]} was trained on another base model ({card.base[:12]}) than "
            f"the one in {folder}. Name its own with --model."
        )
    return card, registry.folder(card.digest)


def put_on(base: Base, folder: Path) -> None:
    """Wrap the base's layers with the adapter in ``folder``.

    Raises:
        AdapterError: it does not fit the model.
    """
    try:
        load_adapters(base.model, str(folder))
        mx.eval(base.model.parameters())
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise AdapterError(
            f"The adapter in {folder} does not fit the model in {base.folder}: {reason} "
            "Name the model that it was trained on with --model."
        ) from error
