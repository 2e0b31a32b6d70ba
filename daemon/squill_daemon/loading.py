"""From a model's folder to mlx-lm's model and a tokenizer. Model thread only.

A plain Llama with a plain tokenizer, which the embedded model is, takes a short way that imports
neither transformers nor the hub's client; every other one goes through mlx-lm's own loader.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from squill.errors import ModelUnsupportedError
from squill.model_files import end_tokens, unsupported, weight_files
from squill_daemon.fast_tokenizer import FastTokenizer, suffices

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHORT_WAY = ("llama",)
_LONG_WAY = ("quantization", "quantization_config", "text_config", "model_file")


def load(folder: Path, config: Mapping[str, Any], *, on_cpu: bool) -> tuple[Any, Any]:
    """Model and tokenizer, evaluated. On a CPU the weights become float32.

    Raises:
        ModelError: with one sentence that a user can act on.
    """
    # Whatever mlx-lm, transformers and tokenizers raise (the last one raises plain Exception),
    # the user is told that this model cannot be used, and why.
    try:
        model = _plain_model(folder, config) if _is_plain(config) else _any_model(folder)
        if on_cpu:
            model.set_dtype(mx.float32)
        mx.eval(model.parameters())
        tokenizer = _tokenizer(folder, config)
    except Exception as error:
        raise unsupported(folder, error) from error
    if not tokenizer.eos_token_ids:
        raise ModelUnsupportedError(
            f"The model in {folder} names no end token, so it would never stop. "
            "Set eos_token_id in its config.json."
        )
    return model, tokenizer


def _is_plain(config: Mapping[str, Any]) -> bool:
    return config["model_type"] in _SHORT_WAY and not any(key in config for key in _LONG_WAY)


def _plain_model(folder: Path, config: Mapping[str, Any]) -> Any:
    """As mlx-lm builds a model whose weights are as its modules want them."""
    architecture = import_module(f"mlx_lm.models.{config['model_type']}")
    model = architecture.Model(architecture.ModelArgs.from_dict(dict(config)))
    weights: dict[str, mx.array] = {}
    for path in weight_files(folder):
        weights |= mx.load(str(path))  # type: ignore[arg-type]
    model.eval()
    model.load_weights(list(model.sanitize(weights).items()))
    return model


def _any_model(folder: Path) -> Any:
    from mlx_lm.utils import dequantize_model, load_model

    model, _ = load_model(folder, lazy=True)
    return dequantize_model(model) if mx.default_device() == mx.cpu else model


def _tokenizer(folder: Path, config: Mapping[str, Any]) -> Any:
    ends = end_tokens(folder)
    if ends and suffices(folder):
        return FastTokenizer(folder, ends)
    from mlx_lm.utils import load_tokenizer

    tokenizer: Any = load_tokenizer(  # type: ignore[no-untyped-call]
        folder, {"trust_remote_code": False}, eos_token_ids=config.get("eos_token_id")
    )
    for token in ends:
        tokenizer.add_eos_token(str(token))
    return tokenizer
