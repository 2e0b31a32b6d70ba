"""The embedded model's tokenizer: slot tokens, and byte-level BPE inside words.

A word carries the space before it, a digit stands alone, and merges never cross a word's edge, so
that a word of a question and the same word in a column's name are the same tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from squill.prompt.slots.vocabulary import END, all_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORDS = Regex(r" ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]|\s")


def train_tokenizer(texts: Iterable[str], vocabulary_size: int) -> Tokenizer:
    """Learns merges from prompts and targets; slot tokens take the first ids, the end token 0."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_WORDS, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[_added(token) for token in all_tokens()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=3,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _added(token: str) -> AddedToken:
    """Only the end token is special: the others are the text that the model writes."""
    return AddedToken(token, special=token == END, normalized=False)
