"""The language model over mlx-lm. Import and use on the model thread only."""

from __future__ import annotations

import copy
import logging
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.models.cache import make_prompt_cache

from squill.adapters import user_registry
from squill.errors import SchemaError
from squill.memory import available_bytes
from squill.model_files import (
    EMBEDDED_NAME,
    check_files,
    content_digest,
    model_folder,
)
from squill.prompt import chat_template, format_for_model, literals_for_model
from squill.schema import Column, Schema, Table
from squill_daemon import compile_kernels
from squill_daemon.backend import served_backend
from squill_daemon.batching import Batcher, DecodingRow
from squill_daemon.compiled import kernels_are_cached
from squill_daemon.constraint import Constrainer
from squill_daemon.engine import EngineFigures, ModelInfo
from squill_daemon.language_model import ReadPrompt, Written
from squill_daemon.loading import load
from squill_daemon.mlx_adapters import AdapterSwitch, ResidentAdapters
from squill_daemon.mlx_memory import release_memory, return_spare_memory
from squill_daemon.prefix_cache import PrefixCache
from squill_daemon.prefix_file import PrefixFile
from squill_daemon.sampling import choose

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from squill.prompt.base import PromptFormat
    from squill_daemon.batching import Logits
    from squill_daemon.constraint import Constraint
    from squill_daemon.engine import Row
    from squill_daemon.language_model import Sampling
    from squill_daemon.mlx_adapters import LoadedAdapter
    from squill_daemon.prefix_cache import LayerCaches

log = logging.getLogger(__name__)

_MOST_SHARE_BYTES = 1 << 30
_LEAST_CACHE_BYTES = 128 << 20
_CACHE_TO_MODEL = 2
_MOST_COMPILED_BYTES = 256 << 20
_NOT_COMPILED = "Failed to compile"
"""In MLX's message where a compiler, or the disk that it writes to, fails."""
_LARGE_VOCABULARY = 1 << 16  # of a model whose config does not tell


@dataclass(frozen=True, slots=True)
class _State:
    layers: LayerCaches
    logits: Logits
    adapter: LoadedAdapter | None


class MlxModel:
    """One loaded model with its tokenizer, prompt format, adapters and prefix cache."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        prompt_format: PromptFormat,
        info: ModelInfo,
        switch: AdapterSwitch,
        adapters: ResidentAdapters,
        *,
        constrainer: Constrainer | None = None,
        cache_bytes: int = 1 << 28,
        kept: PrefixFile | None = None,
        source: str = "",
        weights_bytes: int = 0,
        vocabulary: int,
    ) -> None:
        """``kept`` is where the prompt read last outlives the process; None for nowhere.

        ``source`` is what `open_model` was asked for, ``vocabulary`` the number of logits.
        """
        self.info = info
        self.prompt_format = prompt_format
        self._model = model
        self._tokenizer = tokenizer
        self._constrainer = constrainer
        self._switch = switch
        self._adapters = adapters
        self._prefixes = PrefixCache(lambda: make_prompt_cache(model), cache_bytes)
        self._batcher = Batcher(model, switch.select, vocabulary)
        self._tuned = False
        self._compiling: subprocess.Popen[bytes] | None = None
        self._source = source
        self._weights_bytes = weights_bytes
        self._kept = kept
        if kept is not None and (prefix := kept.load()):
            self._prefixes.store(prefix.adapter, prefix.tokens, prefix.layers)

    def encode(self, text: str) -> list[int]:
        special = self.prompt_format.adds_special_tokens
        return list(self._tokenizer.encode(text, add_special_tokens=special))

    def read(
        self, tokens: list[int], adapter: str | None = None
    ) -> Generator[DecodingRow, None, ReadPrompt]:
        if len(tokens) >= self.info.window:
            raise SchemaError(
                f"Schema and question are {len(tokens)} tokens; the model reads "
                f"{self.info.window - 1}. Give it fewer tables or a shorter question."
            )
        loaded = None if adapter is None else self._adapter(adapter)
        layers, cached = self._prefixes.fetch(adapter, tokens)
        row = DecodingRow(layers, loaded, tokens[cached:], alone=True)
        try:
            while row.pending:
                yield row
        finally:  # what was put down half read is not lost
            self._prefixes.store(adapter, tokens[: len(tokens) - len(row.pending)], layers)
            row.close()
        return ReadPrompt(tuple(tokens), cached, _State(layers, row.logits, loaded))

    def write(
        self, prompt: ReadPrompt, sampling: Sampling, schema: Schema, question: str
    ) -> Generator[Written, None, None]:
        state: _State = prompt.state
        constraint = None
        if self._constrainer is not None:
            constraint = self._constrainer.constraint(schema, question)
        row = DecodingRow(
            copy.deepcopy(state.layers),
            state.adapter,
            meanwhile=constraint.allowed if constraint else None,
        )
        row.logits = state.logits
        try:
            yield from self._write(row, constraint, sampling, self.info.window - len(prompt.tokens))
        finally:
            row.close()

    def _write(
        self, row: DecodingRow, constraint: Constraint | None, sampling: Sampling, room: int
    ) -> Generator[Written, None, None]:
        text = self._tokenizer.detokenizer
        noise = np.random.default_rng(sampling.seed)
        while room > 0:
            allowed = constraint.allowed() if constraint else None
            token, logprob = choose(row.logits, allowed, sampling.temperature, noise)
            if token in self._tokenizer.eos_token_ids:
                text.finalize()
                yield Written(text.text, logprob, end=True)
                return
            forced = constraint.accept(token)[: room - 1] if constraint else []
            for one in (token, *forced):
                text.add_token(one)
            room -= 1 + len(forced)
            if constraint and constraint.ended:
                text.finalize()
                yield Written(text.text, logprob, end=True, forced=len(forced))
                return
            row.pending = [token, *forced]
            yield Written(text.text, logprob, end=False, forced=len(forced), row=row)

    def warm_up(self) -> None:
        """Have kernels and grammar compiled now: the first question is not to wait for it."""
        if self._constrainer:
            self._constrainer.constraint(Schema((Table("a", (Column("b"),)),)), "c")
        try:
            self._first_passes()
        except RuntimeError as error:
            if _NOT_COMPILED not in str(error):
                raise
            log.warning(
                "answers take longer, since kernels cannot be compiled. See that there is room in "
                "%s and that the C++ compiler works, then run `squill daemon restart`",
                tempfile.gettempdir(),
            )
            mx.disable_compile()
            self._first_passes()

    def _first_passes(self) -> None:
        for length in (2, 1):
            logits = self._model(
                mx.zeros((1, length), mx.int32), cache=make_prompt_cache(self._model)
            )
            mx.eval(logits)

    def launch(self, rows: Sequence[Row]) -> None:
        self._batcher.launch(cast("Sequence[DecodingRow]", rows))

    def land(self) -> None:
        self._batcher.land()

    def abandon(self) -> None:
        self._batcher.abandon()

    def tune(self) -> bool:
        """Compile, or have a process of its own do it first where that takes a while."""
        if self._weights_bytes > _MOST_COMPILED_BYTES and mx.default_device() == mx.cpu:
            return True  # its passes are so long that what is between them does not matter
        if not kernels_are_cached():
            if self._compiling is None:
                self._compiling = compile_kernels.begin(self._source)
            if self._compiling.poll() is None:
                return False
            if self._compiling.returncode:
                log.info("kernels were not compiled: exit code %d", self._compiling.returncode)
                return True
        self.compile_steps()
        return True

    def compile_steps(self) -> None:
        self._tuned = True
        self._batcher.prepare(None)
        for digest in self._adapters.digests:
            self._batcher.prepare(self._adapters.get(digest))

    def load_adapter(self, digest: str) -> int:
        return self._adapter(digest).nbytes

    def _adapter(self, digest: str) -> LoadedAdapter:
        loaded = self._adapters.get(digest)
        if self._tuned:
            self._batcher.prepare(loaded)
        return loaded

    def rest(self) -> None:
        return_spare_memory()

    def shed(self) -> str:
        if len(self._prefixes):
            self._prefixes.clear()
            mx.clear_cache()
            return "the prompts read before"
        if self._adapters.digests:
            self._batcher.forget_adapters()
            self._adapters.drop_all()
            mx.clear_cache()
            return "the adapters"
        return ""

    def figures(self) -> EngineFigures:
        return EngineFigures(
            cache_entries=len(self._prefixes),
            cache_bytes=self._prefixes.nbytes,
            cache_budget_bytes=self._prefixes.most_bytes,
            adapters_loaded=self._adapters.digests,
        )

    def _stop_compiling(self) -> None:
        if self._compiling is not None:
            compile_kernels.end(self._compiling)

    def _keep_last_prompt(self) -> None:
        if self._kept is not None and (prefix := self._prefixes.last):
            self._kept.save(prefix)

    def unload(self) -> None:
        """Let go of all arrays; the object is of no use afterwards."""
        self._keep_last_prompt()
        self._stop_compiling()
        self.abandon()
        self._prefixes.clear()
        self._adapters.drop_all()
        self._switch.model = self._model = None
        self._batcher = Batcher(None, self._switch.select, 1)
        release_memory()

    def close(self) -> None:
        """Give back what MLX holds for this thread; without it, ending the thread can abort."""
        self._keep_last_prompt()
        self._stop_compiling()
        self._prefixes.clear()
        mx.clear_streams()


def open_model(
    name: str,
    blas: str,
    *,
    constrained: bool = True,
    cache_bytes: int = 0,
    kept: Path | None = None,
) -> MlxModel:
    """Load a model: a folder, a hub id, or "" for the embedded one. ``blas`` is what was loaded.

    ``constrained``: answers keep to the grammar of the schema. ``cache_bytes`` is the prefix
    cache's budget, 0 for one in proportion to the model. ``kept`` is the folder of prompts that
    outlive the process.
    On a CPU the weights become float32: other types are ten to a hundred times slower there.

    Raises:
        ModelError: with one sentence that a user can act on.
    """
    on_cpu = mx.default_device() == mx.cpu
    blas = served_backend(blas)
    folder = model_folder(name)
    config = check_files(folder, as_float32=on_cpu)
    model, tokenizer = load(folder, config, on_cpu=on_cpu)
    device = "cpu" if on_cpu else f"gpu ({blas})"
    window = config.get("max_position_embeddings")
    window = window if isinstance(window, int) else 2**31
    info = ModelInfo(name or EMBEDDED_NAME, content_digest(folder), device, blas, window=window)
    prompt_format = format_for_model(folder, chat_template(tokenizer))
    vocabulary = config.get("vocab_size")
    constrainer = None
    if constrained:
        literals = literals_for_model(folder)
        constrainer = Constrainer(prompt_format, tokenizer, vocabulary, literals=literals)
    weights_bytes = _weights_bytes(model)
    switch = AdapterSwitch(model)
    adapters = ResidentAdapters(
        switch, user_registry(), info.digest, prompt_format.id, _share_of_free_memory()
    )
    opened = MlxModel(
        model,
        tokenizer,
        prompt_format,
        info,
        switch,
        adapters,
        constrainer=constrainer,
        cache_bytes=cache_bytes or _cache_budget(weights_bytes),
        source=name,
        weights_bytes=weights_bytes,
        vocabulary=vocabulary if isinstance(vocabulary, int) else _LARGE_VOCABULARY,
        kept=PrefixFile(kept, info.digest) if kept else None,
    )
    opened.warm_up()
    return opened


def _share_of_free_memory() -> int:
    return min(available_bytes() // 8, _MOST_SHARE_BYTES)


def _cache_budget(weights_bytes: int) -> int:
    """In proportion to the model, whose keys and values grow with it."""
    wanted = max(_CACHE_TO_MODEL * weights_bytes, _LEAST_CACHE_BYTES)
    return min(wanted, _share_of_free_memory())


def _weights_bytes(model: Any) -> int:
    parameters: Any = tree_flatten(model.parameters())
    return sum(array.nbytes for _, array in parameters)
