"""The published adapters: readable, whole, and made for the model that is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.adapters import adapter_digest, user_registry
from squill.errors import AdapterError, SquillError
from squill.model_files import canonical_model, content_digest
from squill.settings import load_settings
from squill_daemon.doctor.finding import failure, failure_of, ok, warning, warning_of
from squill_daemon.doctor.model import local_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from squill.adapters import AdapterCard, AdapterRegistry
    from squill_daemon.doctor.finding import Finding

_READ_WHOLE = 20  # the newest; older ones are counted only


def check_adapters(folder: Path) -> Iterator[Finding]:
    registry = user_registry()
    cards = registry.cards()
    yield ok("published", f"{len(cards)} in {registry.root}")
    for error in registry.damaged():
        yield warning_of("damaged", error)
    active = registry.active(str(folder))
    for card in cards[:_READ_WHOLE]:
        yield from _content(registry, card, active=card.digest == active)
    yield from _active(registry, active, folder)


def _content(registry: AdapterRegistry, card: AdapterCard, *, active: bool) -> Iterator[Finding]:
    try:
        whole = adapter_digest(registry.folder(card.digest)) == card.digest
        detail = f"{card.digest[:12]}: its files are not those that were published"
    except AdapterError as error:
        whole, detail = False, f"{card.digest[:12]}: {error.message}"
    if not whole:
        remedy = "Publish it again, or roll back to another adapter."
        yield (failure if active else warning)("damaged", detail, remedy)


def _active(registry: AdapterRegistry, active: str | None, folder: Path) -> Iterator[Finding]:
    if active is None:
        yield ok("active here", "none: the base model answers")
        return
    try:
        card = registry.card(active)
    except AdapterError as error:
        yield failure_of("active here", error)
        return
    if card.base != _base_digest(folder):
        detail = f"{active[:12]} was made for another model ({card.base[:12]})"
        yield warning("active here", detail, "Use that model, or roll back to another adapter.")
    else:
        yield ok("active here", f"{active[:12]} of {card.created[:10]}")


def _base_digest(folder: Path) -> str:
    """The digest of the model that the settings name; empty where there is none to read."""
    try:
        name = load_settings(folder, lambda _: None).model
        place = local_model(canonical_model(name, folder))
        return content_digest(place) if place else ""
    except (SquillError, OSError):
        return ""
