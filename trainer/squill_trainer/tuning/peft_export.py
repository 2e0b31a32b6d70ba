"""An mlx-lm adapter as Hugging Face PEFT reads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from squill.adapters import WEIGHTS, read_config
from squill.errors import AdapterError
from squill_trainer.tuning.peft_names import CONFIG as PEFT_CONFIG
from squill_trainer.tuning.peft_names import EMBEDDING, HEAD, PREFIX, SAME_NAMES
from squill_trainer.tuning.peft_names import WEIGHTS as PEFT_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from squill_trainer.tuning.base_shapes import BaseShapes

    Tensors = dict[str, mx.array]


def export_peft(adapter: Path, base: BaseShapes, target: Path, *, base_name: str) -> None:
    """Write adapter_config.json and adapter_model.safetensors into ``target``.

    ``base_name`` is what PEFT is to load as the base model: a path or a hub id.

    Raises:
        AdapterError: PEFT cannot express it.
    """
    if base.model_type not in SAME_NAMES:
        raise AdapterError(
            f"mlx-lm and transformers may call the modules of a {base.model_type} model "
            "differently, so its adapters are not exported for PEFT. Use --format mlx."
        )
    config = read_config(adapter)
    loaded: Any = mx.load(str(adapter / WEIGHTS))
    modules = _modules(loaded)
    tensors = dict(_tensors(modules, base))
    target.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(target / PEFT_WEIGHTS), tensors, {"format": "pt"})
    settings = _config(config, modules, base, base_name)
    (target / PEFT_CONFIG).write_text(json.dumps(settings, indent=1), encoding="utf-8")


def _modules(weights: Mapping[str, mx.array]) -> dict[str, Tensors]:
    found: dict[str, Tensors] = {}
    for name, array in weights.items():
        path, _, leaf = name.rpartition(".")
        if array.ndim > 2:
            raise AdapterError(
                f"{path} is a layer of experts, which PEFT's LoRA does not know. Use --format mlx."
            )
        found.setdefault(path, {})[leaf] = array
    return found


def _tensors(modules: Mapping[str, Tensors], base: BaseShapes) -> Iterator[tuple[str, mx.array]]:
    for path, own in modules.items():
        at = f"{PREFIX}{path}"
        a, b = own["lora_a"].T, own["lora_b"].T
        if path != EMBEDDING:
            yield f"{at}.lora_A.weight", mx.contiguous(a)
            yield f"{at}.lora_B.weight", mx.contiguous(b)
            if "m" in own:
                yield f"{at}.lora_magnitude_vector", own["m"]
            continue
        if "m" in own:
            raise AdapterError(
                "The adapter has DoRA on the embedding, which PEFT lays out otherwise. "
                "Train it with --fine-tune-type lora, or use --format mlx."
            )
        yield f"{at}.lora_embedding_A", mx.contiguous(a)
        yield f"{at}.lora_embedding_B", mx.contiguous(b)
        if base.is_tied:
            yield f"{PREFIX}{HEAD}.lora_A.weight", own["lora_b"]
            yield f"{PREFIX}{HEAD}.lora_B.weight", own["lora_a"]


def _config(
    config: Mapping[str, Any], modules: Mapping[str, Tensors], base: BaseShapes, base_name: str
) -> dict[str, Any]:
    """Every adapted module by its full path: nothing is left to PEFT's matching of suffixes."""
    parameters = config["lora_parameters"]
    targets = sorted(modules)
    if EMBEDDING in modules and base.is_tied:
        targets.append(HEAD)
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "r": parameters["rank"],
        "lora_alpha": parameters["scale"] * parameters["rank"],
        "lora_dropout": parameters.get("dropout", 0.0),
        "target_modules": targets,
        "use_dora": config.get("fine_tune_type") == "dora",
        "use_rslora": False,
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "inference_mode": True,
    }
