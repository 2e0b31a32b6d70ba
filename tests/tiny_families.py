"""Small random models of several families, each built by mlx-lm's own code for it.

What they write is random but for a leaning to the words of one short query, so that under a grammar
they come to an end.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten, tree_map

from tiny_model import END, VOCABULARY, write_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

START = "<s>"
_LIKED = ("Ġb", "Ġa", "SELECTĠ*ĠFROM", "ĠSELECTĠ*ĠFROM", END)  # more, the later
WORDS = VOCABULARY | {word: len(VOCABULARY) + n for n, word in enumerate((*_LIKED[:-1], START))}

_WIDTH, _GROUP = 64, 32
_LOGITS = 128  # more than there are tokens, as in the models that people use
_COMMON = {
    "hidden_size": _WIDTH,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": _LOGITS,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "eos_token_id": 0,
}
FAMILIES: dict[str, dict[str, object]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "gemma": {},
    "gemma2": {"query_pre_attn_scalar": 16},
    "gemma3_text": {"query_pre_attn_scalar": 16, "sliding_window": 512}
    | {"sliding_window_pattern": 2},
    "phi": {"tie_word_embeddings": False, "layer_norm_eps": 1e-5, "partial_rotary_factor": 0.5},
    "phi3": {"tie_word_embeddings": False},
}


def make_family(
    folder: Path, family: str, *, bits: int | None = None, chat_template: str = ""
) -> Path:
    """Write a model of ``family``, with weights of so many bits where ``bits`` says."""
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = _COMMON | FAMILIES[family] | {"model_type": family}
    model = _model(config)
    if bits is not None:
        nn.quantize(model, _GROUP, bits)
        config["quantization"] = {"group_size": _GROUP, "bits": bits}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save(folder, model)
    template = {"chat_template": chat_template} if chat_template else {}
    write_tokenizer(folder, WORDS, START, **template)
    return folder


def save(folder: Path, model: nn.Module) -> None:
    weights = dict(tree_flatten(model.parameters()))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})


def _model(config: dict[str, Any]) -> Any:
    module = import_module(f"mlx_lm.models.{config['model_type']}")
    model = module.Model(module.ModelArgs.from_dict(config))
    mx.random.seed(3)
    model.update(tree_map(_random, model.parameters()))
    model.model.embed_tokens.weight = embedding = _embedding()
    if hasattr(model, "lm_head"):
        model.lm_head.weight = embedding
    return model


def _random(parameter: mx.array) -> mx.array:
    if parameter.ndim < 2:
        return parameter
    weights = mx.random.normal(parameter.shape) * 0.05
    if parameter.shape[0] == _WIDTH:
        weights[0] = 0.0  # no layer writes the first feature
    return weights


def _embedding() -> mx.array:
    """By the first feature, which the layers leave as it is, the words are liked."""
    weights = mx.random.normal((_LOGITS, _WIDTH)) * 0.05
    weights[:, 0] = 1.0
    for place, word in enumerate(_LIKED, start=1):
        weights[WORDS[word], 0] = 1.0 + 3.0 * place
    return weights
