"""What can be said of a model: of one on this machine by its files, of another by the hub."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from squill.hub import listing, read_remote
from squill.model_files import (
    content_digest,
    memory_needed,
    read_config,
    tensor_headers,
    weight_files,
)
from squill.paths import EMBEDDED_MODEL
from squill.prompt import format_for_model
from squill_daemon.models.sizes import bits_a_weight, memory_bytes, stored_bits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LICENCE = re.compile(r"^licen[cs]e:\s*['\"]?([\w.+-]+)", re.MULTILINE)
_LICENCE_NAME = re.compile(r"^license_name:\s*['\"]?([\w.+-]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """Bytes throughout. ``computed``: sizes are worked out, not those of files that were read.

    ``digest`` names the content of files that are here, else it is empty. ``chat_template`` and
    ``prompt_format`` are None where only the model's files can tell.
    """

    name: str
    folder: str | None
    architecture: str
    parameters: int
    quantization: str
    context: int | None
    disk_bytes: int
    memory_bytes: int
    computed: bool
    licence: str
    chat_template: bool | None = None
    prompt_format: str | None = None
    digest: str = ""


def local_details(name: str, folder: Path, *, on_cpu: bool) -> Details:
    """
    Raises:
        ModelError: the folder's files are missing, damaged, or of an unknown kind.
    """
    config = read_config(folder)
    has_template = _has_chat_template(folder)
    written = format_for_model(folder, (lambda _: "") if has_template else None)
    return Details(
        name=name,
        folder=str(folder),
        architecture=_architecture(config),
        parameters=_parameters(folder, config),
        quantization=_quantization(folder, config),
        context=_context(config),
        disk_bytes=sum(path.stat().st_size for path in weight_files(folder)),
        memory_bytes=memory_needed(folder, as_float32=on_cpu),
        computed=False,
        licence=_licence(folder),
        chat_template=has_template,
        prompt_format=written.id,
        digest=content_digest(folder),
    )


def remote_details(name: str, *, on_cpu: bool) -> Details:
    """Of a model that is not here; reads its config and the sizes of its files.

    Raises:
        ModelNotFoundError: the hub has none of that name, or cannot be reached.
    """
    found = listing(name)
    config = json.loads(read_remote(found, "config.json"))
    bits, group = stored_bits(config)
    size = sum(file.size for file in found.weights.values())
    parameters = int(size * 8 / bits_a_weight(bits, group))
    return Details(
        name=name,
        folder=None,
        architecture=_architecture(config),
        parameters=parameters,
        quantization=f"{bits}-bit" if bits < 16 else f"none ({bits} bits)",
        context=_context(config),
        disk_bytes=found.size,
        memory_bytes=memory_bytes(parameters, bits, on_cpu=on_cpu),
        computed=True,
        licence=found.licence,
    )


def _architecture(config: Mapping[str, Any]) -> str:
    return str(config.get("model_type", "unknown"))


def _context(config: Mapping[str, Any]) -> int | None:
    window = config.get("max_position_embeddings")
    return window if isinstance(window, int) else None


def _parameters(folder: Path, config: dict[str, Any]) -> int:
    """Of quantised layers what they stand for, without scales and biases."""
    _, group = stored_bits(config)
    total = 0
    for path in weight_files(folder):
        tensors = tensor_headers(path)
        for name, tensor in tensors.items():
            layer = name.rpartition(".")[0]
            if f"{layer}.scales" not in tensors:
                total += _items(tensor["shape"])
            elif name.endswith(".scales"):
                total += group * _items(tensor["shape"])
            elif not name.endswith((".weight", ".biases")):
                total += _items(tensor["shape"])
    return total


def _items(shape: list[int]) -> int:
    total = 1
    for length in shape:
        total *= length
    return total


def _quantization(folder: Path, config: dict[str, Any]) -> str:
    quantization = config.get("quantization")
    if isinstance(quantization, dict) and "bits" in quantization:
        return f"{quantization['bits']}-bit, groups of {quantization.get('group_size')}"
    kinds = {t["dtype"] for path in weight_files(folder) for t in tensor_headers(path).values()}
    return f"none ({', '.join(sorted(kinds))})"


def _has_chat_template(folder: Path) -> bool:
    if any((folder / f"chat_template.{kind}").exists() for kind in ("jinja", "json")):
        return True
    try:
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        return bool(settings.get("chat_template"))
    except (OSError, ValueError, AttributeError):
        return False


def _licence(folder: Path) -> str:
    """By the front matter of the model's card; the embedded model has Squill's own."""
    if folder == EMBEDDED_MODEL:
        return "MIT (Squill's own)"
    try:
        card = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    front = card.split("---", 2)[1] if card.startswith("---") and card.count("---") > 1 else ""
    named = _LICENCE_NAME.search(front) or _LICENCE.search(front)
    return named[1] if named else ""
