"""Whether there is anything to learn. Light: it loads no model and no MLX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.errors import AdapterError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from squill.adapters import AdapterCard, AdapterRegistry
    from squill.pairs import Pair


def card_in_use(
    registry: AdapterRegistry, workspace: Path, base: str
) -> tuple[AdapterCard | None, str]:
    """The card of the workspace's adapter, where it is one of the model ``base``; a problem."""
    try:
        digest = registry.active(str(workspace))
        card = registry.card(digest) if digest else None
    except AdapterError as error:
        return None, error.message
    return (card if card and card.base == base else None), ""


def needless(pairs: Sequence[Pair], current: AdapterCard | None) -> str:
    """Why a training would bring nothing, as a sentence; empty where it may."""
    if not pairs:
        return "There are no example pairs to learn from. Add some with `squill pairs add`."
    known = set(current.pairs) if current else set()
    if known == {pair.digest for pair in pairs}:
        return f"Nothing is new: the adapter in use has learned all {len(pairs)} pairs."
    return ""
