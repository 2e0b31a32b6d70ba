"""A Llama-type decoder in PyTorch, with the parameter names that mlx-lm loads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from squill_trainer.pretrain.roles import ROLES

OUTPUT_PROJECTIONS = ("o_proj.weight", "down_proj.weight")
"""What writes into the residual stream."""


@dataclass(frozen=True, slots=True)
class LlamaConfig:
    """Shape of the model; the head size is ``hidden_size // num_attention_heads``."""

    vocab_size: int
    hidden_size: int = 256
    intermediate_size: int = 704
    num_hidden_layers: int = 6
    num_attention_heads: int = 4
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.num_attention_heads

    def to_hub(self, context: int) -> dict[str, Any]:
        """The ``config.json`` that transformers and mlx-lm read."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_attention_heads,
            "head_dim": self.head_size,
            "rope_theta": self.rope_theta,
            "rms_norm_eps": self.rms_norm_eps,
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
            "tie_word_embeddings": True,
            "max_position_embeddings": context,
            "bos_token_id": None,
            "eos_token_id": 0,
            "torch_dtype": "float16",
        }


class _RmsNorm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self._eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, (x.shape[-1],), self.weight, self._eps)


class _Attention(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self._heads, self._head_size = config.num_attention_heads, config.head_size
        self.q_proj = nn.Linear(size, size, bias=False)
        self.k_proj = nn.Linear(size, size, bias=False)
        self.v_proj = nn.Linear(size, size, bias=False)
        self.o_proj = nn.Linear(size, size, bias=False)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        batch, length, size = x.shape

        def heads(projected: Tensor) -> Tensor:
            return projected.view(batch, length, self._heads, self._head_size).transpose(1, 2)

        queries = _rotate(heads(self.q_proj(x)), rotation)
        keys = _rotate(heads(self.k_proj(x)), rotation)
        mixed = _attention(queries, keys, heads(self.v_proj(x)))
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(batch, length, size))
        return out


class _Mlp(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        size, inner = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(size, inner, bias=False)
        self.up_proj = nn.Linear(size, inner, bias=False)
        self.down_proj = nn.Linear(inner, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class _Layer(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.self_attn = _Attention(config)
        self.mlp = _Mlp(config)
        self.input_layernorm = _RmsNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = _RmsNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), rotation)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Llama(nn.Module):
    """Token ids ``(batch, length)`` to hidden states; `logits` projects the ones asked for.

    ``roles`` classifies hidden states in training and is not exported.
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = _RmsNorm(config.hidden_size, config.rms_norm_eps)
        self.roles = nn.Linear(config.hidden_size, len(ROLES))
        self._initialise()

    def _initialise(self) -> None:
        """Layers start as the identity, and what they add stays small beside the embedding.

        Copying a slot from the prompt needs the token's own embedding to be visible in the last
        layer; outputs that outgrow it delay copying by thousands of steps.
        """
        nn.init.normal_(self.embed_tokens.weight, std=self.config.hidden_size**-0.5)
        nn.init.constant_(self.norm.weight, 0.25)
        for name, parameter in self.layers.named_parameters():
            if name.endswith(OUTPUT_PROJECTIONS):
                nn.init.zeros_(parameter)
            elif name.endswith("_proj.weight"):
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed_tokens(tokens)
        rotation = _rotation(tokens.shape[1], self.config, x.dtype, x.device)
        for layer in self.layers:
            x = layer(x, rotation)
        out: Tensor = self.norm(x)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self.embed_tokens.weight)


def _attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Causal attention. On a CPU PyTorch's own takes three times as long for short prompts."""
    if queries.device.type != "cpu":
        return functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    length, size = queries.shape[-2:]
    later = torch.full((length, length), float("-inf")).triu(1)
    scores = (queries @ keys.transpose(-1, -2)).float() * size**-0.5 + later
    return scores.softmax(-1).to(values.dtype) @ values


def _rotation(
    length: int, config: LlamaConfig, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    half = config.head_size // 2
    frequencies = config.rope_theta ** -(torch.arange(half, device=device).float() / half)
    angles = torch.outer(torch.arange(length, device=device).float(), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def _rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = rotation
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin
