"""The words without which an adapter is not asked, so that it cannot spoil what it has no part in.

Every question with a house word is the adapter's, and all others stay the base model's. That can
only be where the pairs teach nothing else: a pair whose question has no word of its own, and which
the base model gets wrong, needs an adapter for all questions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.adapters.words import spoken_words
from squill.prompt.words import stem
from squill_trainer.learning.evaluation import measure
from squill_trainer.learning.terms import house_terms, unknown_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from squill.schema import Schema
    from squill_trainer.learning.evaluation import Asks
    from squill_trainer.learning.examples import Example


async def confining_words(daemon: Asks, examples: Sequence[Example]) -> tuple[str, ...]:
    """Sorted stems for the adapter's card; empty where it has to answer all questions.

    Raises:
        SquillError: the daemon cannot be reached.
    """
    words, wordless = own_words(examples)
    if wordless and (await measure(daemon, None, wordless)).right < len(wordless):
        return ()
    return tuple(sorted(words))


def own_words(examples: Sequence[Example]) -> tuple[set[str], list[Example]]:
    """Stems that name nothing in the tables, and the examples whose questions have none."""
    each = words_of_each(examples)
    wordless = [example for example, words in zip(examples, each, strict=True) if not words]
    return set().union(*each), wordless


def words_of_each(examples: Sequence[Example]) -> list[set[str]]:
    """The stems in each question that name nothing in the tables.

    Of a question that has a house term it is the term's; of others all such words.
    """
    by_schema: dict[Schema, list[Example]] = {}
    for example in examples:
        by_schema.setdefault(example.schema, []).append(example)
    terms = {
        schema: _stems(term.phrase for term in house_terms(own))
        for schema, own in by_schema.items()
    }
    unknown = [set(unknown_words(example)) for example in examples]
    return [
        words & terms[example.schema] or words
        for example, words in zip(examples, unknown, strict=True)
    ]


def _stems(texts: Iterable[str]) -> set[str]:
    return {stem(word) for text in texts for word in spoken_words(text)}
