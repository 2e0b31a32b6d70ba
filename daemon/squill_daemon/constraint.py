"""What a model may write next, beyond what its own probabilities say."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from tokenizers import Tokenizer

from squill_daemon.grammar import GrammarCompiler, GrammarError, asks_for_change

if TYPE_CHECKING:
    from llguidance import LLMatcher

    from squill.prompt.base import PromptFormat
    from squill.prompt.formats import Literals
    from squill.prompt.terminals import Terminals
    from squill.schema import Schema
    from squill_daemon.grammar.scope import Allowed

log = logging.getLogger(__name__)

_LITERAL = re.compile(r"'[^']*'")
_MADE = re.compile(r"\bAS\s+([A-Za-z_]\w*)(?=\W)|\b([A-Za-z_]\w*)\s+AS\s*\(", re.IGNORECASE)


class Constrainer:
    """Makes the constraints of one model; owns its compiled grammars. Model thread only.

    Where there is no grammar to be had, answers are free (binding still judges them): ``problem``
    says why, and the first time of each kind is logged.
    """

    def __init__(
        self,
        prompt_format: PromptFormat,
        tokenizer: Any,
        vocabulary: int | None = None,
        *,
        literals: Literals = "free",
    ) -> None:
        """``literals``: whether string literals are free or words of the question."""
        self.problem = ""
        self._literals = literals
        self._format = prompt_format
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._compiler: GrammarCompiler | None = None

    def constraint(self, schema: Schema, question: str) -> Constraint | None:
        """A constraint at its start, or None where the answer has to be free."""
        try:
            terminals = self._format.terminals(schema, question)
            if self._compiler is None:
                self._compiler = make_compiler(
                    self._tokenizer, self._vocabulary, exact=terminals.exact
                )
            if self._literals == "question":
                terminals = replace(terminals, question="" if terminals.exact else question)
            return Constraint(self._compiler, terminals, changes=asks_for_change(question))
        except GrammarError as error:
            if self.problem != str(error):
                self.problem = str(error)
                log.warning("answers are not constrained: %s", self.problem)
            return None


def make_compiler(tokenizer: Any, vocabulary: int | None = None, *, exact: bool) -> GrammarCompiler:
    """A compiler for a model's tokenizer (mlx-lm's wrapper around a fast Hugging Face tokenizer).

    ``vocabulary`` is the number of logits, which can be more than the tokenizer has tokens; None
    for as many. ``exact``: the model's answers name its added tokens, and never spell them.

    Raises:
        GrammarError: llguidance cannot use this tokenizer.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise GrammarError("the model's tokenizer is not of the kind that llguidance reads")
    own = Tokenizer.from_str(backend.to_str())
    own.no_padding()
    own.no_truncation()
    return GrammarCompiler(
        _all_special(own.to_str()) if exact else own.to_str(),
        lambda text: list(own.encode(text, add_special_tokens=False).ids),
        vocabulary=vocabulary,
        end_tokens=sorted(tokenizer.eos_token_ids),
    )


def _all_special(tokenizer_json: str) -> str:
    """With its added tokens marked as what llguidance takes for no text."""
    content = json.loads(tokenizer_json)
    for token in content["added_tokens"]:
        token["special"] = True
    return json.dumps(content)


class Constraint:
    """The grammar's state in one answer. Model thread only.

    A name that the answer makes (``AS total``) may be used from then on: the grammar is compiled
    again with it, and what was written is read again.
    """

    def __init__(self, compiler: GrammarCompiler, terminals: Terminals, *, changes: bool) -> None:
        """
        Raises:
            GrammarError: no grammar for these terminals.
        """
        self._compiler = compiler
        self._terminals = terminals
        self._changes = changes
        self._written: list[int] = []
        self._text = b""
        self._made: frozenset[str] = frozenset()
        self._hidden = [t for text in terminals.hidden for t in compiler.encode(text)]
        self._bits = allocate_token_bitmask(1, compiler.tokenizer.vocab_size)
        self._allowed: Allowed | None = None
        self._scope = compiler.scope(terminals)
        self._matcher = self._start()

    def _start(self) -> LLMatcher:
        return self._compiler.matcher(self._terminals, changes=self._changes, made=self._made)

    def allowed(self) -> Allowed:
        """Whether each token may follow. All may where the grammar failed in mid-answer."""
        if self._allowed is None:
            fill_next_token_bitmask(self._matcher, self._bits)
            bits = np.unpackbits(self._bits[0].view(np.uint8), bitorder="little")
            self._allowed = bits[: self._compiler.tokenizer.vocab_size].astype(np.bool_)
            self._allowed[self._hidden] = False
            if self._scope is not None:
                self._allowed = self._scope.narrow(self._allowed)
            if self._matcher.is_error() or not self._allowed.any():
                log.warning("the grammar failed in mid-answer: %s", self._matcher.stop_reason())
                self._allowed[:] = True
        return self._allowed

    def accept(self, token: int) -> list[int]:
        """Takes the token that was chosen; gives those that must follow, which it takes as well.

        Where the next bytes are certain, the tokens are those that the tokenizer makes of them.
        """
        self.take([token])
        forced: list[int] = []
        while tokens := self.forced():
            self.take(tokens)
            forced += tokens
        return forced

    def forced(self) -> list[int]:
        """The tokens that must follow now, as far as llguidance sees ahead; no end token."""
        if self._matcher.is_error() or self._matcher.is_stopped():
            return []
        return list(self._matcher.compute_ff_tokens())

    @property
    def ended(self) -> bool:
        """Whether nothing but the end token may follow."""
        return self._matcher.is_stopped() and not self._matcher.is_error()

    def take(self, tokens: list[int]) -> None:
        """Takes tokens that were chosen elsewhere."""
        if self._matcher.is_error():
            return
        self._allowed = None
        self._matcher.consume_tokens(tokens)
        self._written += tokens
        if self._scope is not None:
            for token in tokens:
                self._scope.take(token)
        if not self._terminals.exact:
            self._text += self._compiler.tokenizer.decode_bytes(tokens)
            self._learn_names()

    def _learn_names(self) -> None:
        text = _LITERAL.sub("''", self._text.decode(errors="replace"))
        made = frozenset(name for pair in _MADE.findall(text) for name in pair if name)
        if made != self._made:
            self._made = made
            self._matcher = self._start()
            self._matcher.consume_tokens(self._written)
