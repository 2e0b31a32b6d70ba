"""What PEFT and mlx-lm call the same matrices.

=================  ==================================  ====================================
mlx-lm             PEFT, linear layer                  PEFT, embedding
=================  ==================================  ====================================
``lora_a``         ``lora_A.weight``, transposed       ``lora_embedding_A``, transposed
``lora_b``         ``lora_B.weight``, transposed       ``lora_embedding_B``, transposed
``m`` (DoRA)       ``lora_magnitude_vector``           none
``scale``          ``lora_alpha / r``, with rank-stabilised LoRA ``lora_alpha / sqrt(r)``
=================  ==================================  ====================================

In a model whose output head is tied to its embedding, mlx-lm's adapted embedding is the head's
adapter too. In PEFT each has its own: the head's ``lora_A`` is the embedding's ``lora_b``, and its
``lora_B`` the embedding's ``lora_a``.
"""

from __future__ import annotations

PREFIX = "base_model.model."
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"

EMBEDDING = "model.embed_tokens"
HEAD = "lm_head"

SAME_NAMES = frozenset(("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi3"))
"""Model types whose modules mlx-lm calls as transformers does."""
