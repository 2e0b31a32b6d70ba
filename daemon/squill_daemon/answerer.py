"""From a question to valid queries: the one path that daemon and in-process use share."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from squill.adapters import user_registry
from squill.adapters.words import speaks_of
from squill.errors import AdapterError
from squill.model_files import EMBEDDED_NAME
from squill.paths import cache_directory
from squill.prompt.pruning import prune
from squill_daemon.deferred import defer_package
from squill_daemon.drafts import Drafts
from squill_daemon.engine import (
    Answer,
    EngineFigures,
    Loaded,
    Milliseconds,
    ModelInfo,
    Prefilled,
    SchemaProblem,
    Step,
    Tokens,
)
from squill_daemon.requests import AdapterRequest, GenerateRequest, PrefillRequest
from squill_daemon.schema_reader import SchemaReader

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from squill.ddl import Problem
    from squill.schema import Schema
    from squill.settings import Settings
    from squill_daemon.engine import Row
    from squill_daemon.language_model import LanguageModel, ReadPrompt
    from squill_daemon.requests import Request

log = logging.getLogger(__name__)

_MOST_PROBLEMS = 20
_FEWEST_COLUMNS = 8


class Answerer:
    """An `Engine` over a language model.

    ``open_model`` loads the model; what it imports is imported on the model thread.
    ``active_adapter`` gives the digest that is active in a workspace, None for the base model;
    ``words_of`` an adapter's words.
    """

    def __init__(
        self,
        open_model: Callable[[], LanguageModel],
        settings: Settings,
        active_adapter: Callable[[str], str | None] = lambda _: None,
        words_of: Callable[[str], tuple[str, ...]] = lambda _: (),
    ) -> None:
        self._open_model = open_model
        self._settings = settings
        self._active_adapter = active_adapter
        self._words_of = words_of
        self._reader = SchemaReader(settings.dialect)
        self._opened: LanguageModel | None = None
        self._ready_at = 0.0
        self._adapter_problem = ""
        self.model_name = settings.model or EMBEDDED_NAME

    def load(self) -> ModelInfo:
        self._opened = self._open_model()
        self._ready_at = time.monotonic()
        return self._opened.info

    def unload(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.unload()

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def tune(self) -> bool:
        return self._model.tune()

    def rest(self) -> None:
        self._model.rest()

    def shed(self) -> str:
        return self._opened.shed() if self._opened is not None else ""

    def figures(self) -> EngineFigures:
        figures = self._opened.figures() if self._opened is not None else EngineFigures()
        return replace(figures, adapter_problem=self._adapter_problem)

    @property
    def _model(self) -> LanguageModel:
        assert self._opened is not None, "load() comes first"
        return self._opened

    def launch(self, rows: Sequence[Row]) -> None:
        self._model.launch(rows)

    def land(self) -> None:
        self._model.land()

    def abandon(self) -> None:
        self._model.abandon()

    def prepare(self, request: Request) -> Request:
        if isinstance(request, AdapterRequest):
            return request
        return replace(request, schema=self._reader.read(request.schema, request.dialect))

    def load_adapter(self, request: AdapterRequest) -> Generator[Step, None, Loaded]:
        yield Step("prefill")
        return Loaded(request.digest, self._model.load_adapter(request.digest))

    def prefill(self, request: PrefillRequest, _: float) -> Generator[Step, None, Prefilled]:
        schema = self._reader.read(request.schema, request.dialect).schema
        tokens = self._model.encode(self._model.prompt_format.prefix(schema))
        if not tokens:
            return Prefilled(0, 0)
        adapter = self._adapter(request)
        prompt = yield from self._read(tokens, adapter)
        if adapter and self._words_of(adapter):  # the question may be the base model's
            yield from self._read(tokens, None)
        return Prefilled(len(tokens), prompt.cached)

    def generate(self, request: GenerateRequest, arrival: float) -> Generator[Step, None, Answer]:
        """The budget runs from the request's arrival, or from when the model was ready."""
        began = time.monotonic()
        parsed = self._reader.read(request.schema, request.dialect)
        schema, tokens = self._fitted(parsed.schema, request)
        adapter = self._adapter(request)
        prompt = yield from self._read(tokens, adapter)
        read = time.monotonic()
        budget = request.budget_ms
        if budget is None:
            budget = self._settings.generation.budget_ms
        drafts = Drafts(
            self._model,
            schema,
            request.question,
            prompt,
            deadline=max(arrival, self._ready_at) + budget / 1000,
            max_tokens=self._settings.generation.max_tokens,
        )
        yield from drafts.collect(request.n)
        end = time.monotonic()
        return Answer(
            candidates=tuple(drafts.candidates[: request.n]),
            refused=None if drafts.candidates else drafts.reason,
            dialect=schema.dialect,
            dialect_origin=parsed.dialect_origin,
            model=self._model.info.name,
            adapter=adapter,
            adapter_problem=None if request.adapter is not None else self._adapter_problem or None,
            device=self._model.info.device,
            problems=tuple(_problem(p) for p in parsed.problems[:_MOST_PROBLEMS]),
            shown_tables=None
            if schema == parsed.schema
            else tuple(table.qualified_name for table in schema.tables),
            milliseconds=_milliseconds(arrival, began, read, end),
            tokens=Tokens(len(prompt.tokens), prompt.cached, drafts.generated, drafts.forced),
        )

    def _adapter(self, request: GenerateRequest | PrefillRequest) -> str | None:
        """The digest to answer with. One that the request names must do; an active one should.

        Raises:
            AdapterError: the request names one that cannot be used.
        """
        if request.adapter is not None:
            return self._named(request.adapter, request)
        try:
            active = self._active_adapter(request.workspace)
            if active is not None and not self._is_for(active, request):
                active = None
            if active is not None:
                self._model.load_adapter(active)
        except AdapterError as error:
            if self._adapter_problem != error.message:
                log.warning("the active adapter is not used: %s", error.message)
            self._adapter_problem = error.message
            return None
        self._adapter_problem = ""
        return active

    def _named(self, adapter: str, request: GenerateRequest | PrefillRequest) -> str | None:
        is_confined = isinstance(request, GenerateRequest) and request.confined
        if not adapter or (is_confined and not self._is_for(adapter, request)):
            return None
        self._model.load_adapter(adapter)
        return adapter

    def _is_for(self, adapter: str, request: GenerateRequest | PrefillRequest) -> bool:
        if isinstance(request, PrefillRequest):
            return True
        return speaks_of(self._words_of(adapter), request.question)

    def _fitted(self, whole: Schema, request: GenerateRequest) -> tuple[Schema, list[int]]:
        """The part of the schema that the prompt has place for, and the prompt's tokens.

        Where the format takes it whole but the model's window does not, fewer columns are shown,
        and fewer again, until question and answer fit beside them.
        """
        written = self._model.prompt_format
        schema = written.fit(whole, request.question)
        columns = sum(len(table.columns) for table in schema.tables)
        room = self._model.info.window - self._settings.generation.max_tokens
        while True:
            text = written.prompt(schema, request.question, request.examples)
            tokens = self._model.encode(text)
            if len(tokens) <= room or columns <= _FEWEST_COLUMNS:
                return schema, tokens
            columns //= 2
            schema = prune(whole, request.question, max_tables=columns, max_columns=columns)

    def _read(self, tokens: list[int], adapter: str | None) -> Generator[Step, None, ReadPrompt]:
        reading = self._model.read(tokens, adapter)
        try:
            while True:
                try:
                    row = next(reading)
                except StopIteration as end:
                    prompt: ReadPrompt = end.value
                    return prompt
                yield Step("prefill", rows=(row,))
        finally:
            reading.close()


def _problem(problem: Problem) -> SchemaProblem:
    return SchemaProblem(int(problem.source), problem.line, problem.message)


def _milliseconds(arrival: float, began: float, read: float, end: float) -> Milliseconds:
    """Reading the DDL counts as prefill: it is what the first question on a schema waits for."""
    spans = (began - arrival, read - began, end - read, end - arrival)
    return Milliseconds(*(round(1000 * span, 3) for span in spans))


def make_answerer(settings: Settings) -> Answerer:
    """An answerer over the model that the settings name, on the fastest BLAS there is."""

    def open_model() -> LanguageModel:
        from squill.blas import load_blas

        blas = load_blas()  # before anything imports MLX
        defer_package("mlx_lm")
        from squill_daemon.mlx_model import open_model

        return open_model(
            settings.model,
            blas,
            constrained=settings.generation.constrained,
            cache_bytes=settings.daemon.cache_bytes,
            kept=cache_directory() / "prompts" if settings.daemon.keep_prompt else None,
        )

    registry = user_registry()

    @lru_cache(maxsize=64)  # an adapter never changes, nor do its words
    def words_of(adapter: str) -> tuple[str, ...]:
        return registry.card(adapter).words

    return Answerer(open_model, settings, registry.active, words_of)
