"""A base model's matrices by name, from its files' headers alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from squill.model_files import tensor_headers, weight_files
from squill_trainer.tuning.peft_names import HEAD

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WORD_BITS = 32


@dataclass(frozen=True, slots=True)
class BaseShapes:
    """``matrices``: (rows, columns) by the module's path, as before quantisation."""

    folder: Path
    config: Mapping[str, Any]
    matrices: Mapping[str, tuple[int, int]]

    @property
    def model_type(self) -> str:
        return str(self.config.get("model_type", ""))

    @property
    def layers(self) -> int:
        return int(self.config["num_hidden_layers"])

    @property
    def is_tied(self) -> bool:
        """Whether the embedding is the output head as well."""
        return f"{HEAD}.weight" not in self._names

    @property
    def _names(self) -> set[str]:
        return {f"{path}.weight" for path in self.matrices}


def base_shapes(folder: Path) -> BaseShapes:
    """
    Raises:
        ModelError: a file is missing or damaged.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    bits = (config.get("quantization") or {}).get("bits", 0)
    matrices = {}
    for file in weight_files(folder):
        for name, tensor in tensor_headers(file).items():
            path, _, leaf = name.rpartition(".")
            if leaf == "weight" and len(tensor["shape"]) == 2:
                rows, columns = tensor["shape"]
                packed = tensor["dtype"] == "U32" and bits
                matrices[path] = (rows, columns * _WORD_BITS // bits if packed else columns)
    return BaseShapes(folder, config, matrices)
