"""Turns a checkpoint into a folder that plain ``mlx_lm.load`` and transformers read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from squill.prompt.slots import SlotsFormat
from squill.prompt.slots.vocabulary import END
from squill_trainer.pretrain.model import LlamaConfig

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = 2048


def export(prepared: Path, run: Path, folder: Path) -> None:
    """Writes config, fp16 weights, tokenizer and the format's manifest into ``folder``."""
    state = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        f"model.{name}": tensor.to(torch.float16).contiguous()
        for name, tensor in state["optimizer"]["masters"].items()
        if not name.startswith("roles.")
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "mlx"})
    (folder / "model.safetensors").chmod(0o644)
    tokenizer = (prepared / "tokenizer.json").read_text(encoding="utf-8")
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    _write(folder / "config.json", LlamaConfig(**state["config"]).to_hub(CONTEXT))
    _write(folder / "generation_config.json", {"eos_token_id": 0})
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": END,
            "pad_token": END,
            "clean_up_tokenization_spaces": False,
            "model_max_length": CONTEXT,
        },
    )
    _write(folder / "squill.json", {"prompt_format": SlotsFormat.id})


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
