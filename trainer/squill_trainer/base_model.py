"""The model that is trained or fused, and the form of its prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx_lm.utils import dequantize_model, load_model, load_tokenizer

from squill.model_files import check_files, end_tokens, model_folder, unsupported
from squill.prompt import chat_template, format_for_model

if TYPE_CHECKING:
    from pathlib import Path

    from squill.prompt import PromptFormat


@dataclass(frozen=True, slots=True)
class Base:
    """``config`` is config.json's as mlx-lm reads it."""

    folder: Path
    model: Any
    tokenizer: Any
    config: dict[str, Any]

    @property
    def prompt_format(self) -> PromptFormat:
        """The one that the daemon asks this model in."""
        return format_for_model(self.folder, chat_template(self.tokenizer))

    @property
    def ends(self) -> set[int]:
        """Every token that ends an answer of the daemon's."""
        return set(self.tokenizer.eos_token_ids) | end_tokens(self.folder)


def load_base(model: str, *, exact: bool = False) -> Base:
    """``model``: a folder, a hub id, or "" for the embedded one.

    ``exact``: dequantised, in float32, which is how the daemon computes on a CPU; otherwise so on
    a CPU alone, where every other type is slow.

    Raises:
        ModelError: with one sentence that a user can act on.
    """
    folder = model_folder(model)
    exact = exact or mx.default_device() == mx.cpu
    check_files(folder, as_float32=exact)
    try:
        loaded, config = load_model(folder, lazy=True)
        if exact:
            dequantize_model(loaded).set_dtype(mx.float32)
        mx.eval(loaded.parameters())
        tokenizer: Any = load_tokenizer(  # type: ignore[no-untyped-call]
            folder, {"trust_remote_code": False}, eos_token_ids=config.get("eos_token_id")
        )
    except Exception as error:
        raise unsupported(folder, error) from error
    return Base(folder, loaded, tokenizer, config)
