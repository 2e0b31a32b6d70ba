"""Drafts of one answer: written side by side, judged, and the valid ones kept."""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING

from squill.binding import bind
from squill.changes import NOT_ASKED_FOR, asks_for_change, changes_database
from squill.errors import NoValidAnswerError
from squill.plausibility import implausible
from squill.respelling import respell
from squill_daemon.engine import Candidate, Step
from squill_daemon.language_model import Sampling

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from squill.schema import Schema
    from squill_daemon.engine import Row
    from squill_daemon.language_model import LanguageModel, ReadPrompt, Written

TEMPERATURE = 0.7
_TRIES_A_CANDIDATE = 3
_MOST_AT_ONCE = 8


class _Draft:
    """What one run of the decoder has come to."""

    def __init__(self, writing: Generator[Written, None, None], *, greedy: bool) -> None:
        self.greedy = greedy
        self.text = ""
        self.logprobs: list[float] = []
        self.complete = False
        self.ended = False
        self.row: Row | None = None
        self.writing = writing

    @property
    def waiting(self) -> bool:
        """Whether the model has yet to read what it wrote last."""
        return self.row is not None and bool(self.row.pending)


class Drafts:
    """The greedy draft first, sampled ones beside it or after it, while time allows."""

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
        """``deadline`` is a `time.monotonic` reading."""
        self.generated = 0
        self.forced = 0
        self.reason = ""
        self._greedy: Candidate | None = None
        self._sampled: dict[str, Candidate] = {}
        self._model = model
        self._schema = schema
        self._question = question
        self._prompt = prompt
        self._deadline = deadline
        self._max_tokens = max_tokens
        self._seed = zlib.crc32(repr(prompt.tokens).encode())

    @property
    def candidates(self) -> list[Candidate]:
        """Different valid queries: the greedy one, then the likeliest."""
        sampled = sorted(self._sampled.values(), key=lambda c: c.logprob, reverse=True)
        return [self._greedy, *sampled] if self._greedy else sampled

    def collect(self, wanted: int) -> Generator[Step, None, None]:
        """Write until ``wanted`` different valid queries are there, or tries or time run out.

        Drafts of one wave are written side by side: they share most of the price of a pass.
        """
        tries = _TRIES_A_CANDIDATE * wanted
        tried = min(wanted, _MOST_AT_ONCE) - 1
        greedy = [Sampling(), *(self._sampling(n) for n in range(tried))]
        yield from self._wave(greedy, wanted)
        while len(self.candidates) < wanted and tried < tries and not self._late:
            count = min(tries - tried, _MOST_AT_ONCE)
            yield from self._wave([self._sampling(tried + n) for n in range(count)], wanted)
            tried += count

    def _sampling(self, number: int) -> Sampling:
        return Sampling(TEMPERATURE, (self._seed + number) & 0x7FFFFFFF)

    @property
    def _late(self) -> bool:
        return time.monotonic() > self._deadline

    def _wave(self, samplings: list[Sampling], wanted: int) -> Generator[Step, None, None]:
        drafts = [self._begun(sampling) for sampling in samplings]
        try:
            while not self._late and (open_ := [d for d in drafts if not d.ended]):
                before = self.generated
                for draft in open_:
                    if not draft.waiting:
                        self._take(draft)
                        if draft.ended:
                            self._judge(draft)
                if self._enough(drafts, wanted):
                    return
                yield self._step([d for d in open_ if not d.ended], self.generated - before)
            for draft in drafts:
                if not draft.ended:
                    self._judge(draft)
        finally:
            for draft in drafts:
                draft.writing.close()

    def _enough(self, drafts: list[_Draft], wanted: int) -> bool:
        deciding = any(draft.greedy and not draft.ended for draft in drafts)
        return not deciding and len(self.candidates) >= wanted

    def _step(self, drafts: list[_Draft], tokens: int) -> Step:
        """Whoever waits for a first answer goes before those who want another one."""
        greedy = next((d for d in drafts if d.greedy), None)
        first = [greedy] if greedy else [] if self.candidates else drafts
        others = [d for d in drafts if d not in first]
        shown = greedy or (first[0] if first else None)
        preview = self._preview(shown.text) if shown else None
        return Step("decode", preview, rows=_rows(first), others=_rows(others), tokens=tokens)

    def _preview(self, written: str) -> Callable[[], str]:
        form = self._model.prompt_format
        return lambda: form.preview(written, self._schema, self._question)

    def _begun(self, sampling: Sampling) -> _Draft:
        writing = self._model.write(self._prompt, sampling, self._schema, self._question)
        return _Draft(writing, greedy=sampling.temperature == 0)

    def _take(self, draft: _Draft) -> None:
        """The next token of one draft, and those forced behind it."""
        token = next(draft.writing, None)
        if token is None:
            draft.ended = True
            return
        self.generated += 1 + token.forced
        self.forced += token.forced
        draft.text = token.text
        draft.row = token.row
        draft.logprobs += [token.logprob, *([0.0] * token.forced)]
        stops = self._model.prompt_format.stops
        draft.complete = token.end or any(s in token.text.lstrip() for s in stops)
        draft.ended = draft.complete or len(draft.logprobs) >= self._max_tokens
        if draft.ended:
            draft.writing.close()  # its row is of no use to the passes of the others

    def _judge(self, draft: _Draft) -> None:
        """Keep a draft that parses and binds; remember why the first other one does not."""
        problem = self._problem(draft)
        if problem and (not self.reason or draft.greedy):
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
        if changes_database(bound.tree) and not asks_for_change(self._question):
            return NOT_ASKED_FOR
        if reason := implausible(bound, self._schema):
            return f"What the model wrote makes no sense here: {reason}"
        mean = sum(draft.logprobs) / len(draft.logprobs)
        self._keep(Candidate(respell(bound, self._schema), bound.tables, mean), draft)
        return ""

    def _keep(self, candidate: Candidate, draft: _Draft) -> None:
        if draft.greedy:
            self._greedy = candidate
            self._sampled.pop(candidate.sql, None)
        elif self._greedy is None or self._greedy.sql != candidate.sql:
            self._sampled.setdefault(candidate.sql, candidate)


def _rows(drafts: list[_Draft]) -> tuple[Row, ...]:
    return tuple(draft.row for draft in drafts if draft.row is not None)
