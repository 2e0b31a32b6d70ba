"""From a question to valid queries: the one path that daemon and in-process use share."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from squill.binding import bind
from squill.ddl import ParsedSchema, SchemaBuilder, SchemaSource
from squill.errors import InvalidParamsError, NoValidAnswerError, SchemaError
from squill.plausibility import implausible
from squill.prompt.pruning import prune
from squill.respelling import respell
from squill.schema import Schema
from squill_daemon.engine import (
    Answer,
    Candidate,
    Milliseconds,
    ModelInfo,
    Prefilled,
    SchemaProblem,
    Step,
    Tokens,
)
from squill_daemon.language_model import Sampling
from squill_daemon.model_files import EMBEDDED_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from squill.ddl import Problem
    from squill.settings import Settings
    from squill_daemon.language_model import LanguageModel, ReadPrompt
    from squill_daemon.requests import GenerateRequest, PrefillRequest, SchemaInput

TEMPERATURE = 0.7
_TRIES_A_CANDIDATE = 3
_MOST_PROBLEMS = 20
_FEWEST_COLUMNS = 8


@dataclass(slots=True)
class _Draft:
    """What one run of the decoder came to."""

    text: str = ""
    logprobs: list[float] = field(default_factory=list)
    complete: bool = False


class Answerer:
    """An `Engine` over a language model. Every method belongs to the model thread.

    ``open_model`` loads the model; what it imports is imported on that thread.
    """

    def __init__(self, open_model: Callable[[], LanguageModel], settings: Settings) -> None:
        self._open_model = open_model
        self._settings = settings
        self._builder = SchemaBuilder()
        self._opened: LanguageModel | None = None
        self._ready_at = 0.0
        self.model_name = settings.model or EMBEDDED_NAME

    def load(self) -> ModelInfo:
        self._opened = self._open_model()
        self._ready_at = time.monotonic()
        return self._opened.info

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    @property
    def _model(self) -> LanguageModel:
        assert self._opened is not None, "load() comes first"
        return self._opened

    def prefill(self, request: PrefillRequest, _: float) -> Generator[Step, None, Prefilled]:
        schema = self._schema(request.schema, request.dialect).schema
        tokens = self._model.encode(self._model.prompt_format.prefix(schema))
        if not tokens:
            return Prefilled(0, 0)
        prompt = yield from self._read(tokens)
        return Prefilled(len(tokens), prompt.cached)

    def generate(self, request: GenerateRequest, arrival: float) -> Generator[Step, None, Answer]:
        """The budget runs from the request's arrival, or from when the model was ready."""
        began = time.monotonic()
        self._check_adapter(request.adapter)
        parsed = self._schema(request.schema, request.dialect)
        schema, tokens = self._fitted(parsed.schema, request)
        prompt = yield from self._read(tokens)
        read = time.monotonic()
        budget = request.budget_ms
        if budget is None:
            budget = self._settings.generation.budget_ms
        run = _Run(
            self._model,
            schema,
            request.question,
            prompt,
            deadline=max(arrival, self._ready_at) + budget / 1000,
            max_tokens=self._settings.generation.max_tokens,
        )
        yield from run.collect(request.n)
        end = time.monotonic()
        return Answer(
            candidates=tuple(run.candidates[: request.n]),
            refused=None if run.candidates else run.reason,
            dialect=schema.dialect,
            dialect_origin=parsed.dialect_origin,
            model=self._model.info.name,
            adapter=self._model.info.adapter,
            device=self._model.info.device,
            problems=tuple(_problem(p) for p in parsed.problems[:_MOST_PROBLEMS]),
            shown_tables=None
            if schema == parsed.schema
            else tuple(table.qualified_name for table in schema.tables),
            milliseconds=_milliseconds(arrival, began, read, end),
            tokens=Tokens(len(prompt.tokens), prompt.cached, run.generated, run.forced),
        )

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

    def _read(self, tokens: list[int]) -> Generator[Step, None, ReadPrompt]:
        reading = self._model.read(tokens)
        try:
            while True:
                try:
                    next(reading)
                except StopIteration as end:
                    prompt: ReadPrompt = end.value
                    return prompt
                yield Step("prefill")
        finally:
            reading.close()

    def _check_adapter(self, adapter: str | None) -> None:
        if adapter not in (None, self._model.info.adapter):
            raise InvalidParamsError(f"There is no adapter {adapter!r}. Leave `adapter` out.")

    def _schema(self, source: SchemaInput, dialect: str) -> ParsedSchema:
        """
        Raises:
            SchemaError: it has no table with a column.
            UsageError: the dialect is unknown.
        """
        dialect = dialect or self._settings.dialect
        if isinstance(source, Schema):
            parsed = ParsedSchema(replace(source, dialect=dialect or source.dialect), "setting")
        else:
            sources = [SchemaSource(str(index), text) for index, text in enumerate(source)]
            parsed = self._builder.build(sources, dialect)
        if not any(table.columns for table in parsed.schema.tables):
            raise SchemaError(
                _unreadable(parsed.problems[0], parsed.schema.dialect)
                if parsed.problems
                else "There are no table definitions to ask about. Give CREATE TABLE statements."
            )
        return parsed


def _unreadable(problem: Problem, dialect: str) -> str:
    return (
        f"No table definition could be read in the dialect {dialect}. Line {problem.line}: "
        f"{problem.message} Correct it, or name another dialect."
    )


def _problem(problem: Problem) -> SchemaProblem:
    return SchemaProblem(int(problem.source), problem.line, problem.message)


class _Run:
    """The drafts of one request: the greedy one first, then sampled ones while time allows."""

    def __init__(
        self,
        model: LanguageModel,
        schema: Schema,
        question: str,
        prompt: ReadPrompt,
        *,
        deadline: float,
        max_tokens: int,
    ) -> None:
        self.candidates: list[Candidate] = []
        self.generated = 0
        self.forced = 0
        self.reason = ""
        self._model = model
        self._schema = schema
        self._question = question
        self._prompt = prompt
        self._deadline = deadline
        self._max_tokens = max_tokens

    def collect(self, wanted: int) -> Generator[Step, None, None]:
        """Write until ``wanted`` different valid queries are there, or tries or time run out."""
        greedy = yield from self._draft(Sampling(), shown=True)
        self._judge(greedy)
        sampled_from = len(self.candidates)
        base_seed = zlib.crc32(repr(self._prompt.tokens).encode())
        for attempt in range(_TRIES_A_CANDIDATE * wanted):
            if len(self.candidates) >= wanted or self._late:
                break
            sampling = Sampling(TEMPERATURE, (base_seed + attempt) & 0x7FFFFFFF)
            self._judge((yield from self._draft(sampling, shown=False)))
        self.candidates[sampled_from:] = sorted(
            self.candidates[sampled_from:], key=lambda c: c.logprob, reverse=True
        )

    @property
    def _late(self) -> bool:
        return time.monotonic() > self._deadline

    def _draft(self, sampling: Sampling, *, shown: bool) -> Generator[Step, None, _Draft]:
        draft = _Draft()
        if self._late:
            return draft
        writing = self._model.write(self._prompt, sampling, self._schema, self._question)
        stops = self._model.prompt_format.stops
        try:
            for token in writing:
                self.generated += 1
                self.forced += token.forced
                draft.text = token.text
                draft.logprobs.append(token.logprob)
                draft.complete = token.end or any(s in token.text.lstrip() for s in stops)
                yield Step("decode", self._preview(token.text) if shown else "")
                if draft.complete or len(draft.logprobs) >= self._max_tokens or self._late:
                    break
        finally:
            writing.close()
        return draft

    def _preview(self, written: str) -> str:
        return self._model.prompt_format.preview(written, self._schema, self._question)

    def _judge(self, draft: _Draft) -> None:
        """Keep a draft that parses and binds; remember why the first other one does not."""
        problem = self._problem(draft)
        if problem and not self.reason:
            self.reason = problem

    def _problem(self, draft: _Draft) -> str:
        if not draft.complete:
            if self._late:
                return "Time ran out before the query was complete. Allow a larger budget_ms."
            return f"The query was not complete after {len(draft.logprobs)} tokens."
        try:
            sql = self._model.prompt_format.sql(draft.text, self._schema, self._question)
        except NoValidAnswerError as error:
            return error.message
        bound = bind(sql, self._schema)
        if not bound.valid:
            return f"What the model wrote does not fit the schema: {bound.problems[0]}"
        if reason := implausible(bound, self._schema):
            return f"What the model wrote makes no sense here: {reason}"
        sql = respell(bound, self._schema)
        if all(sql != known.sql for known in self.candidates):
            mean = sum(draft.logprobs) / len(draft.logprobs)
            self.candidates.append(Candidate(sql, bound.tables, mean))
        return ""


def _milliseconds(arrival: float, began: float, read: float, end: float) -> Milliseconds:
    """Reading the DDL counts as prefill: it is what the first question on a schema waits for."""
    spans = (began - arrival, read - began, end - read, end - arrival)
    return Milliseconds(*(round(1000 * span, 3) for span in spans))


def make_answerer(settings: Settings) -> Answerer:
    """An answerer over the model that the settings name, on the fastest BLAS there is."""

    def open_model() -> LanguageModel:
        from squill_daemon.blas import load_blas

        blas = load_blas()  # before anything imports MLX
        from squill_daemon.mlx_model import open_model

        return open_model(settings.model, blas, constrained=settings.generation.constrained)

    return Answerer(open_model, settings)
