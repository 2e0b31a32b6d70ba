"""The language model over mlx-lm. Import and use on the model thread only."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import dequantize_model, load_model, load_tokenizer

from squill.errors import ModelUnsupportedError, SchemaError
from squill.prompt import format_for_model, literals_for_model
from squill.schema import Column, Schema, Table
from squill_daemon.blas import check_served
from squill_daemon.constraint import Constrainer
from squill_daemon.engine import ModelInfo
from squill_daemon.language_model import ReadPrompt, Written
from squill_daemon.model_files import (
    EMBEDDED_NAME,
    check_files,
    content_digest,
    end_tokens,
    model_folder,
    unsupported,
)
from squill_daemon.prefix_cache import LayerCaches, PrefixCache

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from squill.prompt.base import PromptFormat
    from squill_daemon.language_model import Sampling

CHUNK = 128
"""Prompt tokens read between two looks at the queue."""
_LAST_CHUNK = 16  # logits are computed for these alone

_CACHE_ENTRIES = 16
_CACHE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class _State:
    layers: LayerCaches
    logits: mx.array


class MlxModel:
    """One loaded model with its tokenizer, prompt format and prefix cache."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        prompt_format: PromptFormat,
        info: ModelInfo,
        window: int,
        constrainer: Constrainer | None = None,
    ) -> None:
        self.info = info
        self.prompt_format = prompt_format
        self._model = model
        self._tokenizer = tokenizer
        self._window = window
        self._constrainer = constrainer
        self._prefixes = PrefixCache(lambda: make_prompt_cache(model), _CACHE_ENTRIES, _CACHE_BYTES)

    def encode(self, text: str) -> list[int]:
        special = self.prompt_format.adds_special_tokens
        return list(self._tokenizer.encode(text, add_special_tokens=special))

    def read(self, tokens: list[int]) -> Generator[None, None, ReadPrompt]:
        if len(tokens) >= self._window:
            raise SchemaError(
                f"Schema and question are {len(tokens)} tokens; the model reads "
                f"{self._window - 1}. Give it fewer tables or a shorter question."
            )
        layers, cached = self._prefixes.fetch(tokens)
        done = cached
        try:
            while len(tokens) - done > _LAST_CHUNK:
                chunk = tokens[done : min(done + CHUNK, len(tokens) - _LAST_CHUNK)]
                self._model(mx.array([chunk]), cache=layers)
                mx.eval([layer.state for layer in layers])
                done += len(chunk)
                yield
        except GeneratorExit:
            self._prefixes.store(tokens[:done], layers)  # put down, not lost
            raise
        logits = self._model(mx.array([tokens[done:]]), cache=layers)[:, -1, :]
        mx.eval(logits, [layer.state for layer in layers])
        self._prefixes.store(tokens, layers)
        return ReadPrompt(tuple(tokens), cached, _State(layers, logits))

    def write(
        self, prompt: ReadPrompt, sampling: Sampling, schema: Schema, question: str
    ) -> Generator[Written, None, None]:
        state: _State = prompt.state
        layers, logits = copy.deepcopy(state.layers), state.logits
        constraint = self._constrainer and self._constrainer.constraint(schema, question)
        detokenizer = self._tokenizer.detokenizer
        key = mx.random.key(sampling.seed)
        room = self._window - len(prompt.tokens)
        while room > 0:
            if constraint:
                logits = constraint.mask(logits)
            key, choice = mx.random.split(key)
            token, logprob = _choose(logits, sampling.temperature, choice)
            if token in self._tokenizer.eos_token_ids:
                detokenizer.finalize()
                yield Written(detokenizer.text, logprob, end=True)
                return
            forced = constraint.accept(token)[: room - 1] if constraint else []
            for i, one in enumerate([token, *forced]):
                detokenizer.add_token(one)
                yield Written(detokenizer.text, 0.0 if i else logprob, end=False, forced=i > 0)
            if constraint and constraint.ended:
                detokenizer.finalize()
                yield Written(detokenizer.text, 0.0, end=True, forced=True)
                return
            room -= 1 + len(forced)
            logits = self._model(mx.array([[token, *forced]]), cache=layers)[:, -1, :]

    def warm_up(self) -> None:
        """Have kernels and grammar compiled now: the first question is not to wait for it."""
        if self._constrainer:
            self._constrainer.constraint(Schema((Table("a", (Column("b"),)),)), "c")
        for length in (2, 1):
            logits = self._model(
                mx.zeros((1, length), mx.int32), cache=make_prompt_cache(self._model)
            )
            mx.eval(logits)

    def close(self) -> None:
        """Give back what MLX holds for this thread; without it, ending the thread can abort."""
        self._prefixes.clear()
        mx.clear_streams()


def _choose(logits: mx.array, temperature: float, key: mx.array) -> tuple[int, float]:
    logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
    if temperature > 0:
        token = mx.random.categorical(logprobs / temperature, key=key)
    else:
        token = mx.argmax(logprobs, axis=-1)
    logprob = mx.take_along_axis(logprobs, token[:, None], axis=-1)
    mx.eval(token, logprob)
    return cast("int", token.item()), cast("float", logprob.item())


def open_model(name: str, blas: str, *, constrained: bool = True) -> MlxModel:
    """Load a model: a folder, a hub id, or "" for the embedded one. ``blas`` is what was loaded.

    ``constrained``: answers keep to the grammar of the schema.
    On a CPU the weights become float32: other types are ten to a hundred times slower there.

    Raises:
        ModelError: with one sentence that a user can act on.
    """
    blas = check_served(blas)
    on_cpu = mx.default_device() == mx.cpu
    folder = model_folder(name)
    config = check_files(folder, as_float32=on_cpu)
    model, tokenizer = _load(folder, on_cpu=on_cpu)
    device = "cpu" if on_cpu else f"gpu ({blas})"
    window = config.get("max_position_embeddings")
    window = window if isinstance(window, int) else 2**31
    info = ModelInfo(name or EMBEDDED_NAME, content_digest(folder), device, blas, window=window)
    prompt_format = format_for_model(folder, _chat_template(tokenizer))
    constrainer = None
    if constrained:
        literals = literals_for_model(folder)
        constrainer = Constrainer(
            prompt_format, tokenizer, config.get("vocab_size"), literals=literals
        )
    opened = MlxModel(model, tokenizer, prompt_format, info, window, constrainer)
    opened.warm_up()
    return opened


def _load(folder: Path, *, on_cpu: bool) -> tuple[Any, Any]:
    # Whatever mlx-lm, transformers and tokenizers raise (the last one raises plain Exception),
    # the user is told that this model cannot be used, and why.
    try:
        model, config = load_model(folder, lazy=True)
        if on_cpu:
            dequantize_model(model).set_dtype(mx.float32)
        mx.eval(model.parameters())
        tokenizer: Any = load_tokenizer(  # type: ignore[no-untyped-call]
            folder, {"trust_remote_code": False}, eos_token_ids=config.get("eos_token_id")
        )
    except Exception as error:
        raise unsupported(folder, error) from error
    for token in end_tokens(folder):
        tokenizer.add_eos_token(str(token))
    if not tokenizer.eos_token_ids:
        raise ModelUnsupportedError(
            f"The model in {folder} names no end token, so it would never stop. "
            "Set eos_token_id in its config.json."
        )
    return model, tokenizer


def _chat_template(tokenizer: Any) -> Any:
    if not tokenizer.has_chat_template:
        return None

    def render(messages: list[dict[str, str]]) -> str:
        text: str = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return text

    return render
