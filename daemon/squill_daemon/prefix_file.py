"""The prompt read last, kept on disk so that the next start finds its schema read already.

A file is for one base model, named by its digest, and for the version of mlx-lm that wrote it.
Model thread only.
"""

from __future__ import annotations

import json
import logging
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mlx_lm.models.cache import load_prompt_cache, save_prompt_cache

from squill.errors import SocketPathError
from squill.files import replacing
from squill.private import make_private_directory

if TYPE_CHECKING:
    from pathlib import Path

    from squill_daemon.prefix_cache import Prefix

log = logging.getLogger(__name__)

_MOST_BYTES = 256 << 20


class PrefixFile:
    """``base`` is the model's content digest; ``folder`` is made where it is missing."""

    def __init__(self, folder: Path, base: str) -> None:
        self._folder = folder
        self._base = base
        self._path = folder / f"{base[:32]}.safetensors"

    def save(self, prefix: Prefix) -> None:
        """Replace what was kept; one that is too large, or cannot be written, is not kept."""
        if prefix.nbytes > _MOST_BYTES:
            return
        description = {
            "base": self._base,
            "adapter": prefix.adapter or "",
            "tokens": json.dumps(prefix.tokens),
            "writer": version("mlx-lm"),
        }
        try:
            make_private_directory(self._folder, "SQUILL_CACHE_DIR")
            with replacing(self._path) as aside:
                save_prompt_cache(str(aside), prefix.layers, description)
        except (OSError, RuntimeError, ValueError, SocketPathError) as error:
            log.info("the prompt read last is not kept: %s", error)

    def load(self) -> Prefix | None:
        """What was kept for this model, if it is whole; anything else is removed."""
        if not self._path.exists():
            return None
        try:
            return self._read()
        except Exception as error:  # noqa: BLE001 (a damaged file: mlx and json raise all kinds)
            log.info("the prompt kept on disk is not used: %s", error)
            self._path.unlink(missing_ok=True)
            return None

    def _read(self) -> Prefix:
        from squill_daemon.prefix_cache import Prefix

        found: Any = load_prompt_cache(  # type: ignore[no-untyped-call]
            str(self._path), return_metadata=True
        )
        layers, description = found
        if (description["base"], description["writer"]) != (self._base, version("mlx-lm")):
            raise ValueError("it is of another model or version")
        tokens = [int(token) for token in json.loads(description["tokens"])]
        if not tokens or any(layer.offset != len(tokens) for layer in layers):
            raise ValueError("it is not of one piece")
        return Prefix(description["adapter"] or None, tokens, layers)
