"""SmolLM2 in PyTorch, reading all questions of one schema in one sequence.

A `Packed` batch is flat: every token stands once, whatever sequence it is of, so that the linear
layers see no padding. Attention goes by sequence: the schema's tokens see one another, causally;
those of a question see the whole schema and their own question. Positions start anew behind the
schema for each question, so that the model reads what it will read in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a Llama that matter here, named as in its ``config.json``."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rope_theta: float
    rms_norm_eps: float

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Shape:
        return cls(**{name: config[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Branches:
    """The questions of one sequence: ``index`` (questions, longest) points at tokens of the batch.

    ``real`` is False where a question is shorter; its index there is any valid one.
    """

    first: int
    """The sequence's first token in the batch."""
    schema: int
    """Number of the schema's tokens."""
    index: Tensor
    real: Tensor


@dataclass(frozen=True, slots=True)
class Packed:
    """``tokens`` and ``positions`` (length), and where each sequence lies among them."""

    tokens: Tensor
    positions: Tensor
    sequences: tuple[Branches, ...]
    answers: Tensor
    """Indexes of the tokens that predict a token of an answer."""
    labels: Tensor
    """What these are to predict."""
    weights: Tensor
    """What each of these counts."""

    def to(self, device: torch.device) -> Packed:
        return Packed(
            self.tokens.to(device),
            self.positions.to(device),
            tuple(
                Branches(s.first, s.schema, s.index.to(device), s.real.to(device))
                for s in self.sequences
            ),
            self.answers.to(device),
            self.labels.to(device),
            self.weights.to(device),
        )


class Network(nn.Module):
    """Parameters are named as mlx-lm and transformers name them, without the prefix ``model.``.

    The embedding, which is the output projection too, and the first ``frozen_layers`` aren't
    trained: no gradient goes through them, which makes a step cheaper.
    """

    def __init__(self, shape: Shape, frozen_layers: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(_Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = nn.RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        for part in (self.embed_tokens, *self.layers[:frozen_layers]):
            part.requires_grad_(requires_grad=False)

    def forward(self, batch: Packed) -> Tensor:
        """Logits of the tokens that predict an answer's."""
        x = self.embed_tokens(batch.tokens)
        rotation = _rotation(batch.positions, self.shape)
        for layer in self.layers:
            x = layer(x, rotation, batch.sequences)
        hidden = self.norm(x[batch.answers])
        return functional.linear(hidden, self.embed_tokens.weight)


class _Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = _Attention(shape)
        self.mlp = _Mlp(shape)
        self.input_layernorm = nn.RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden_size, shape.rms_norm_eps)

    def forward(
        self, x: Tensor, rotation: tuple[Tensor, Tensor], sequences: tuple[Branches, ...]
    ) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), rotation, sequences)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class _Mlp(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size, inner = shape.hidden_size, shape.intermediate_size
        self.gate_proj = nn.Linear(size, inner, bias=False)
        self.up_proj = nn.Linear(size, inner, bias=False)
        self.down_proj = nn.Linear(inner, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class _Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._shape = shape
        inner = shape.num_attention_heads * shape.head_dim
        shared = shape.num_key_value_heads * shape.head_dim
        self.q_proj = nn.Linear(shape.hidden_size, inner, bias=False)
        self.k_proj = nn.Linear(shape.hidden_size, shared, bias=False)
        self.v_proj = nn.Linear(shape.hidden_size, shared, bias=False)
        self.o_proj = nn.Linear(inner, shape.hidden_size, bias=False)

    def forward(
        self, x: Tensor, rotation: tuple[Tensor, Tensor], sequences: tuple[Branches, ...]
    ) -> Tensor:
        size = self._shape.head_dim
        queries = _rotate(self.q_proj(x).view(len(x), -1, size), rotation)
        keys = _rotate(self.k_proj(x).view(len(x), -1, size), rotation)
        values = self.v_proj(x).view(len(x), -1, size)
        mixed = torch.empty_like(queries)
        for sequence in sequences:
            own = slice(sequence.first, sequence.first + sequence.schema)
            mixed[own] = _causal(queries[own], keys[own], values[own])
            if len(sequence.index):
                kept = sequence.index[sequence.real]
                mixed[kept] = _branched(queries, keys, values, own, sequence)
        out: Tensor = self.o_proj(mixed.view(len(x), -1))
        return out


def _causal(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Of ``(length, heads, size)``, each token over itself and those before it."""
    mixed = functional.scaled_dot_product_attention(
        queries.transpose(0, 1)[None],
        keys.transpose(0, 1)[None],
        values.transpose(0, 1)[None],
        is_causal=True,
        enable_gqa=True,
    )
    return mixed[0].transpose(0, 1)


def _branched(
    queries: Tensor, keys: Tensor, values: Tensor, schema: slice, sequence: Branches
) -> Tensor:
    """Each question over the schema and over itself; ``(real tokens, heads, size)``.

    Grouped queries: ``heads`` query heads share each of the ``groups`` key heads.
    """
    questions, longest = sequence.index.shape
    groups, size = keys.shape[1], keys.shape[2]
    q = queries[sequence.index].view(questions, longest, groups, -1, size) * size**-0.5
    q = q.permute(2, 0, 3, 1, 4)  # groups, questions, heads of a group, longest, size
    heads = q.shape[2]
    over_schema = q.reshape(groups, -1, size) @ keys[schema].permute(1, 2, 0)
    own_keys, own_values = (
        t[sequence.index].permute(2, 0, 1, 3) for t in (keys, values)
    )  # groups, questions, longest, size
    over_own = q.reshape(groups, questions, heads * longest, size) @ own_keys.transpose(-1, -2)
    hidden = torch.ones(longest, longest, dtype=torch.bool, device=q.device).triu(1)
    hidden = hidden.expand(heads, -1, -1).reshape(heads * longest, longest)
    over_own = over_own.float().masked_fill(hidden, float("-inf"))
    over_schema = over_schema.view(groups, questions, heads * longest, -1).float()
    weights = torch.cat((over_schema, over_own), dim=-1).softmax(-1).to(values.dtype)
    near, far = weights[..., -longest:], weights[..., :-longest]
    mixed = near @ own_values
    shared = far.reshape(groups, -1, far.shape[-1]) @ values[schema].transpose(0, 1)
    mixed = mixed + shared.view_as(mixed)
    mixed = mixed.view(groups, questions, heads, longest, size).permute(1, 3, 0, 2, 4)
    return mixed.reshape(questions, longest, -1, size)[sequence.real]


def _rotation(positions: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    """Cosines and sines ``(length, 1, head_dim)``."""
    half = shape.head_dim // 2
    steps = torch.arange(half, device=positions.device).float() / half
    angles = torch.outer(positions.float(), shape.rope_theta**-steps)
    angles = torch.cat((angles, angles), dim=-1)[:, None]
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = rotation
    first, second = x.chunk(2, dim=-1)
    return (x * cos + torch.cat((-second, first), dim=-1) * sin).to(x.dtype)
