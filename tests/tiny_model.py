"""A small random Llama with a tokenizer, in a folder that plain mlx-lm reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

if TYPE_CHECKING:
    from pathlib import Path

END = "<end>"
VOCABULARY = {END: 0} | {chr(33 + i): i + 1 for i in range(94)} | {"Ġ": 95, "Ċ": 96}
_CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": len(VOCABULARY),
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "eos_token_id": 0,
}


def make_tiny_model(folder: Path, seed: int = 0, **config: object) -> Path:
    """Write config, float16 weights and a one-character-a-token tokenizer into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(_CONFIG | config), encoding="utf-8")
    mx.save_safetensors(str(folder / "model.safetensors"), _weights(seed), {"format": "mlx"})
    write_tokenizer(folder, VOCABULARY)
    return folder


def write_tokenizer(
    folder: Path, vocabulary: dict[str, int], start: str = "", **settings: object
) -> None:
    """``start`` is a token that the tokenizer puts before every text."""
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([token for token in (END, start) if token])
    if start:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{start} $A", special_tokens=[(start, vocabulary[start])]
        )
        settings["bos_token"] = start
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END} | settings
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def _weights(seed: int) -> dict[str, mx.array]:
    random = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> mx.array:
        return mx.array(random.normal(0, 0.3, (rows, columns)).astype(np.float16))

    weights = {
        "model.embed_tokens.weight": matrix(len(VOCABULARY), 32),
        "model.norm.weight": mx.ones(32, mx.float16),
    }
    shapes = {"q": (32, 32), "k": (16, 32), "v": (16, 32), "o": (32, 32)}
    for layer in range(2):
        at = f"model.layers.{layer}."
        weights |= {f"{at}self_attn.{n}_proj.weight": matrix(*s) for n, s in shapes.items()}
        weights |= {f"{at}mlp.{n}_proj.weight": matrix(64, 32) for n in ("gate", "up")}
        weights[f"{at}mlp.down_proj.weight"] = matrix(32, 64)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{at}{norm}.weight"] = mx.ones(32, mx.float16)
    return weights
