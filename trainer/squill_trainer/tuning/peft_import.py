"""An adapter of Hugging Face PEFT as mlx-lm's."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from squill.adapters import CONFIG, WEIGHTS
from squill.errors import AdapterError
from squill_trainer.tuning.peft_names import CONFIG as PEFT_CONFIG
from squill_trainer.tuning.peft_names import EMBEDDING, HEAD, PREFIX, SAME_NAMES
from squill_trainer.tuning.peft_names import WEIGHTS as PEFT_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from squill_trainer.tuning.base_shapes import BaseShapes

_LEAF = re.compile(
    r"(?P<path>.+)\.(?:lora_(?P<linear>[AB])\.weight|lora_embedding_(?P<embedding>[AB])"
    r"|(?P<magnitude>lora_magnitude_vector)(?:\.weight)?)"
)
_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)")


@dataclass(slots=True)
class _Module:
    """One adapted module, in mlx-lm's layout, not yet of the common rank and scale."""

    a: mx.array | None = None
    b: mx.array | None = None
    m: mx.array | None = None

    @property
    def pair(self) -> tuple[mx.array, mx.array]:
        if self.a is None or self.b is None:
            raise AdapterError("The PEFT adapter lacks one of a pair of matrices. Save it again.")
        return self.a, self.b


def is_peft(folder: Path) -> bool:
    return (folder / PEFT_WEIGHTS).is_file()


def import_peft(source: Path, base: BaseShapes, target: Path) -> None:
    """Write the adapter in ``source`` for mlx-lm into ``target``.

    Modules of different ranks and scales are brought to one of each; modules that PEFT left alone
    in some layers get matrices of zeros there. Neither changes what the adapter computes.

    Raises:
        AdapterError: it was made for another base model, or mlx-lm cannot express it.
    """
    config = _config(source)
    _refuse(config, base)
    modules = _modules(source)
    _fold_head(modules, base)
    _check_shapes(modules, base)
    rank = max(_rank(module) for module in modules.values())
    scale = _scale(config, "", rank)
    weights: dict[str, mx.array] = {}
    for path, module in modules.items():
        share = _scale(config, path, _rank(module)) / scale
        weights |= _widened(path, module, rank, share)
    keys, layers = _fill(weights, modules, base, rank)
    parameters = {"rank": rank, "scale": scale, "keys": keys}
    parameters["dropout"] = float(config.get("lora_dropout") or 0.0)
    kind = "dora" if config.get("use_dora") else "lora"
    settings = {"fine_tune_type": kind, "num_layers": layers, "lora_parameters": parameters}
    target.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(target / WEIGHTS), weights)
    (target / CONFIG).write_text(json.dumps(settings, indent=1), encoding="utf-8")


def _config(source: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((source / PEFT_CONFIG).read_text(encoding="utf-8")).items())
    except (OSError, ValueError, AttributeError) as error:
        raise AdapterError(
            f"{source / PEFT_CONFIG} cannot be read ({error}). Save the adapter again with PEFT."
        ) from error


def _refuse(config: Mapping[str, Any], base: BaseShapes) -> None:
    """What mlx-lm's LoRA has no place for."""
    reasons = {
        f"it is of the kind {config.get('peft_type')}": config.get("peft_type") != "LORA",
        "it trained biases": config.get("bias", "none") != "none",
        "it has whole modules of its own": bool(config.get("modules_to_save")),
        "its matrices lie the other way round": bool(config.get("fan_in_fan_out")),
        "it adds biases to LoRA": bool(config.get("lora_bias")),
        "it repeats layers": bool(config.get("layer_replication")),
        "it trained single tokens": bool(config.get("trainable_token_indices")),
        f"modules of a {base.model_type} model may have other names in mlx-lm": (
            base.model_type not in SAME_NAMES
        ),
    }
    for reason, holds in reasons.items():
        if holds:
            raise AdapterError(f"mlx-lm cannot use this PEFT adapter: {reason}. Train it as LoRA.")


def _modules(source: Path) -> dict[str, _Module]:
    try:
        loaded: Any = mx.load(str(source / PEFT_WEIGHTS))
    except (OSError, RuntimeError, ValueError) as error:
        raise AdapterError(
            f"{source / PEFT_WEIGHTS} cannot be read ({error}). Save the adapter again."
        ) from error
    found: dict[str, _Module] = {}
    for name, array in loaded.items():
        match = _LEAF.fullmatch(name.removeprefix(PREFIX))
        if match is None:
            raise AdapterError(
                f"mlx-lm cannot use this PEFT adapter: it has {name[:80]!r}. Train it as LoRA."
            )
        module = found.setdefault(match["path"], _Module())
        if match["magnitude"]:
            module.m = array.reshape(-1)
        elif "A" in (match["linear"], match["embedding"]):
            module.a = mx.contiguous(array.T)
        else:
            module.b = mx.contiguous(array.T)
    if not found:
        raise AdapterError("The PEFT adapter holds no matrices. Save it again.")
    return found


def _fold_head(modules: dict[str, _Module], base: BaseShapes) -> None:
    """A tied head has no adapter of its own in mlx-lm: it must be the embedding's."""
    if not base.is_tied or not modules.keys() & {EMBEDDING, HEAD}:
        return
    embedding, head = modules.get(EMBEDDING), modules.pop(HEAD, None)
    if embedding is not None and head is not None:
        (a, b), (head_a, head_b) = embedding.pair, head.pair
        if a.shape == head_b.T.shape and bool(
            mx.array_equal(a, head_b.T) and mx.array_equal(b, head_a.T)
        ):
            return
    raise AdapterError(
        "The model's output head is its embedding, and the PEFT adapter changes one without the "
        "other, which mlx-lm cannot do. Train it without embed_tokens and lm_head."
    )


def _check_shapes(modules: Mapping[str, _Module], base: BaseShapes) -> None:
    for path, module in modules.items():
        a, b = module.pair
        wanted = base.matrices.get(path)
        own = (a.shape[0], b.shape[1]) if path == EMBEDDING else (b.shape[1], a.shape[0])
        if wanted is None or wanted != own or a.shape[1] != b.shape[0]:
            there = "does not have" if wanted is None else f"has as {wanted[0]} x {wanted[1]}"
            raise AdapterError(
                f"The PEFT adapter was made for another base model: it changes {path} "
                f"({own[0]} x {own[1]}), which the model in {base.folder} {there}. "
                "Name its own base with --model."
            )


def _rank(module: _Module) -> int:
    return int(module.pair[0].shape[1])


def _scale(config: Mapping[str, Any], path: str, rank: int) -> float:
    """PEFT's scaling of a module; of the common one for the empty path."""
    alpha = float(config.get("lora_alpha", 8))
    for pattern, own in (config.get("alpha_pattern") or {}).items():
        if path and re.fullmatch(rf"(.*\.)?({pattern})", path):
            alpha = float(own)
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _widened(path: str, module: _Module, rank: int, share: float) -> dict[str, mx.array]:
    a, b = module.pair
    room = rank - a.shape[1]
    b = (b * share).astype(b.dtype) if share != 1 else b
    found = {
        f"{path}.lora_a": mx.pad(a, [(0, 0), (0, room)]),
        f"{path}.lora_b": mx.pad(b, [(0, room), (0, 0)]),
    }
    if module.m is not None:
        found[f"{path}.m"] = module.m
    return found


def _fill(
    weights: dict[str, mx.array], modules: Mapping[str, _Module], base: BaseShapes, rank: int
) -> tuple[list[str], int]:
    """The keys and the number of layers for mlx-lm, which adapts the same modules in each."""
    matches = {path: _LAYER.fullmatch(path) for path in modules}
    inner = {match[2] for match in matches.values() if match}
    outer = {path for path, match in matches.items() if not match}
    first = min((int(match[1]) for match in matches.values() if match), default=base.layers)
    for layer in range(first, base.layers):
        for key in inner:
            path = f"model.layers.{layer}.{key}"
            if path not in modules:
                weights |= _zeros(
                    path, base, rank, dora=any(m.m is not None for m in modules.values())
                )
    return sorted(inner | outer), base.layers - first


def _zeros(path: str, base: BaseShapes, rank: int, *, dora: bool) -> dict[str, mx.array]:
    if dora or path not in base.matrices:
        raise AdapterError(
            f"mlx-lm adapts the same modules in each layer, and this PEFT adapter leaves {path} "
            "alone. Train it on all layers, or on the last ones."
        )
    rows, columns = base.matrices[path]
    return {f"{path}.lora_a": mx.zeros((columns, rank)), f"{path}.lora_b": mx.zeros((rank, rows))}
