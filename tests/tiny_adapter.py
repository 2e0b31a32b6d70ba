"""Small random adapters for the tiny model, written as mlx-lm's own trainer writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import load_model

if TYPE_CHECKING:
    from pathlib import Path


def make_tiny_adapter(
    model_folder: Path,
    folder: Path,
    *,
    kind: str = "lora",
    rank: int = 4,
    scale: float = 2.0,
    seed: int = 0,
    num_layers: int = -1,
    keys: list[str] | None = None,
    dtype: mx.Dtype = mx.float32,
) -> Path:
    """Write adapters.safetensors and adapter_config.json into ``folder``."""
    parameters: dict[str, Any] = {"rank": rank, "scale": scale, "dropout": 0.25}
    if keys is not None:
        parameters["keys"] = keys
    model, _ = load_model(model_folder)
    model.freeze()
    linear_to_lora_layers(model, num_layers, parameters, use_dora=kind == "dora")
    weights = _moved(dict(tree_flatten(model.trainable_parameters())), seed, dtype)
    config = {"fine_tune_type": kind, "num_layers": num_layers, "lora_parameters": parameters}
    folder.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(folder / "adapters.safetensors"), weights)
    settings = config | {"model": str(model_folder), "adapter_path": str(folder), "seed": seed}
    (folder / "adapter_config.json").write_text(json.dumps(settings, indent=4), encoding="utf-8")
    return folder


def _moved(weights: dict[str, mx.array], seed: int, dtype: mx.Dtype) -> dict[str, mx.array]:
    """The weights as after some training: each one random, the magnitudes near their own."""
    keys = mx.random.split(mx.random.key(seed), len(weights))
    moved = {}
    for key, (name, weight) in zip(keys, sorted(weights.items()), strict=True):
        noise = 0.2 * mx.random.normal(weight.shape, key=key)
        moved[name] = (weight * (1 + noise) if name.endswith(".m") else noise).astype(dtype)
    return moved
