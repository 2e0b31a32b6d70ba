"""From a prompt's terminals to a matcher, compiled once and kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from squill_daemon.grammar.scope import Scope
from squill_daemon.grammar.slot_tokens import slot_tokens
from squill_daemon.grammar.spelling import FreeSpelling, TokenSpelling
from squill_daemon.grammar.text import grammar_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from squill.prompt.terminals import Terminals
    from squill_daemon.grammar.slot_tokens import SlotTokens

_KEPT = 32
_KEPT_TOKENS = 4096
# A grammar of 1,000 tables is well within; one that is not costs more time than it is worth.
_LIMITS = LLParserLimits(max_grammar_size=2_000_000, verbose_errors=False)


class GrammarError(Exception):
    """No matcher for this schema. The message tells nothing that a user wrote."""


class GrammarCompiler:
    """Matchers for one tokenizer. The least recently used grammars are forgotten.

    ``tokenizer_json`` is the text of a ``tokenizer.json``; ``encode`` gives a text's tokens in it.
    Terminals that differ only in what is hidden are one grammar: it is for the caller to mask that.
    """

    def __init__(
        self,
        tokenizer_json: str,
        encode: Callable[[str], list[int]],
        *,
        vocabulary: int | None = None,
        end_tokens: Sequence[int],
    ) -> None:
        """
        Raises:
            GrammarError: llguidance cannot read this tokenizer.
        """
        try:
            self.tokenizer = LLTokenizer(
                tokenizer_json, n_vocab=vocabulary, eos_token=list(end_tokens)
            )
        except ValueError as error:
            raise GrammarError("llguidance cannot read the model's tokenizer") from error
        self.encode = lru_cache(maxsize=_KEPT_TOKENS)(encode)
        self._tokens = TokenSpelling(self.tokenizer, self.encode)
        self._slot_tokens: SlotTokens | None = None
        self._kept: OrderedDict[tuple[Terminals, bool, frozenset[str]], LLMatcher] = OrderedDict()

    def matcher(
        self, terminals: Terminals, *, changes: bool, made: frozenset[str] = frozenset()
    ) -> LLMatcher:
        """A matcher at its start, the caller's own. Parameters: see `grammar_text`.

        Raises:
            GrammarError: the grammar is too large or llguidance refuses it.
        """
        terminals = replace(terminals, hidden=(), owners=(), links=())
        key = (terminals, changes, made)
        if key not in self._kept:
            self._kept[key] = self._compile(terminals, changes=changes, made=made)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key].deep_copy()

    def scope(self, terminals: Terminals) -> Scope | None:
        """What follows the tables of an answer in slots; None for other answers."""
        if not terminals.owners:
            return None
        if self._slot_tokens is None:
            self._slot_tokens = slot_tokens(self.tokenizer, terminals)
        if self._slot_tokens is None:
            return None
        return Scope(self._slot_tokens, terminals.owners, terminals.links)

    def _compile(self, terminals: Terminals, *, changes: bool, made: frozenset[str]) -> LLMatcher:
        spelling = self._tokens if terminals.exact else FreeSpelling()
        text = grammar_text(terminals, spelling, changes=changes, made=made)
        matcher = LLMatcher(self.tokenizer, text, log_level=0, limits=_LIMITS)
        if matcher.is_error():
            size = sum(len(t.columns) for t in terminals.tables)
            raise GrammarError(
                f"llguidance refused the grammar of {len(terminals.tables)} tables, {size} columns"
            )
        return matcher
