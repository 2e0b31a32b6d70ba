"""Which models are on this machine, and which are known to do."""

from __future__ import annotations

import json
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.errors import ModelError
from squill.hub import cache_folders
from squill.model_files import EMBEDDED_NAME, model_folder
from squill_daemon.models.details import Details, local_details
from squill_daemon.models.sizes import disk_bytes, memory_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator


def installed(chosen: str, *, on_cpu: bool) -> Iterator[Details]:
    """The embedded model, the ``chosen`` one where it is a folder, and the hub's that are whole."""
    yield local_details(EMBEDDED_NAME, model_folder(""), on_cpu=on_cpu)
    if chosen and Path(chosen).is_absolute():
        with suppress(ModelError):  # `squill doctor` says what is wrong with it
            yield local_details(chosen, Path(chosen), on_cpu=on_cpu)
    for name, folder in cache_folders().items():
        with suppress(ModelError):  # no model that could be served, or not all of it
            yield local_details(name, folder, on_cpu=on_cpu)


def suggestions(*, on_cpu: bool) -> list[Details]:
    """Models known to do, smallest first; sizes are computed."""
    text = files("squill_daemon.models").joinpath("suggestions.json").read_text(encoding="utf-8")
    return [_suggestion(entry, on_cpu=on_cpu) for entry in json.loads(text)["models"]]


def _suggestion(entry: dict[str, Any], *, on_cpu: bool) -> Details:
    parameters, bits = entry["parameters"], entry["bits"]
    return Details(
        name=entry["id"],
        folder=None,
        architecture=entry["architecture"],
        parameters=parameters,
        quantization=f"{bits}-bit" if bits < 16 else f"none ({bits} bits)",
        context=entry["context"],
        disk_bytes=disk_bytes(parameters, bits),
        memory_bytes=memory_bytes(parameters, bits, on_cpu=on_cpu),
        computed=True,
        licence=entry["licence"],
    )
