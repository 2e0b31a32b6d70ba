"""Sentences of a grammar, at random: a walk over the tokens that its matcher allows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from squill_daemon.constraint import make_compiler

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from squill_daemon.constraint import Constraint
    from squill_daemon.grammar import GrammarCompiler

END = "</s>"
_BYTES_AND_END = 257
# Towards an end: close what is open, else the shortest operand.
_CLOSING = (
    *(")", " END", "]", ".", "1", "<c1>", "COUNT(*)", " THEN ", " AS REAL)"),
    *(" FROM ", "<t1>", "<t2>", "<t3>", " AS ", " JOIN ", "<a1>", "<a2>", "<a3>", "<a4>", "'"),
)


def byte_tokenizer(added: Iterable[str] = ()) -> Tokenizer:
    """One token a byte, beside those ``added`` as tokens of their own; the end token is 0."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {END: 0} | {character: i + 1 for i, character in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END])
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in added if text != END])
    return tokenizer


def compiler_of(tokenizer: Tokenizer) -> GrammarCompiler:
    wrapped = SimpleNamespace(backend_tokenizer=tokenizer, eos_token_ids={0})
    return make_compiler(wrapped, exact=tokenizer.get_vocab_size() > _BYTES_AND_END)


def taken(constraint: Constraint, tokens: list[int]) -> int:
    """How many of the tokens the grammar takes; one more where the end may follow the last."""
    for position, token in enumerate(tokens):
        if not constraint.allowed()[token]:
            return position
        constraint.take([token])
    return len(tokens) + bool(constraint.allowed()[0])


def walk(
    constraint: Constraint, tokenizer: Tokenizer, chance: random.Random, length: int
) -> str | None:
    """A sentence of about ``length`` tokens; None where no end is found in ten times that."""
    tokens: list[int] = []
    closing = [i for text in _CLOSING if (i := tokenizer.token_to_id(text.replace(" ", "Ġ")))]
    closing += [i for text in _CLOSING if (i := tokenizer.token_to_id(text))]
    while len(tokens) < 10 * length:
        allowed = np.flatnonzero(constraint.allowed()).tolist()
        late = len(tokens) > length
        text: str = tokenizer.decode(tokens, skip_special_tokens=False)
        if 0 in allowed and (late or len(allowed) == 1 or chance.random() < 0.1):
            return text
        quotes = [tokenizer.token_to_id(q) for q in "'\"`" if text.count(q) % 2]
        ends = [t for t in (*quotes, *closing) if t in allowed] if late else []
        token = ends[0] if ends else chance.choice([t for t in allowed if t])
        tokens.append(token)
        constraint.take([token])
    return None
