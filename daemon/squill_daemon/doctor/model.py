"""The model that the settings name: its folder, its files, and whether it fits into memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from squill.errors import ModelTooLargeError
from squill.hub import cached_folder
from squill.memory import available_bytes
from squill.model_files import (
    EMBEDDED_NAME,
    canonical_model,
    check_files,
    content_digest,
    model_folder,
    weight_files,
)
from squill.paths import runtime_paths
from squill.settings import load_settings
from squill_daemon.doctor.finding import failure, failure_of, ok, warning, warning_of
from squill_daemon.instance import holder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill_daemon.doctor.device import MlxReport
    from squill_daemon.doctor.finding import Finding

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


def check_model(folder: Path, mlx: MlxReport) -> Iterator[Finding]:
    """``folder`` is the workspace. A hub model that is not on this machine is not fetched."""
    name = load_settings(folder, lambda _: None).model
    place = local_model(canonical_model(name, folder))
    if place is None:
        remedy = "`squill daemon restart` fetches it, which takes its time and the network."
        yield warning("folder", f"{name} is not on this machine yet", remedy)
        return
    yield ok("folder", f"{name or EMBEDDED_NAME}: {place}")
    report, _ = mlx.get()
    on_cpu = report is None or report["device"] == "cpu"
    try:
        config = check_files(place, as_float32=on_cpu)
    except ModelTooLargeError as error:
        yield _too_large(error)
    else:
        size = sum(path.stat().st_size for path in weight_files(place))
        kind, digest = config["model_type"], content_digest(place)[:12]
        yield ok("files", f"{kind}, {size / 1e6:,.0f} MB of weights, digest {digest}")
        yield ok("memory", f"it fits into the {available_bytes() / 1e9:.1f} GB that are free")
    if not any((place / tokenizer).exists() for tokenizer in _TOKENIZERS):
        detail = f"{place} has no tokenizer ({', '.join(_TOKENIZERS)})"
        yield failure("tokenizer", detail, "Fetch the model again.")


def _too_large(error: ModelTooLargeError) -> Finding:
    if holder(runtime_paths()) is not None:  # the model may be in memory already
        return warning_of("memory", error)
    return failure_of("memory", error)


def local_model(model: str) -> Path | None:
    """The folder of a model on this machine; None for one that only the hub may have.

    Raises:
        ModelNotFoundError: there is no such folder.
    """
    if not model or Path(model).is_absolute():
        return model_folder(model)
    return cached_folder(model)
