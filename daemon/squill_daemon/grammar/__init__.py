"""The language of an answer: a grammar made from the schema, compiled for llguidance."""

from squill_daemon.grammar.changes import asks_for_change
from squill_daemon.grammar.compiler import GrammarCompiler, GrammarError
from squill_daemon.grammar.text import grammar_text

__all__ = ["GrammarCompiler", "GrammarError", "asks_for_change", "grammar_text"]
