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
    """Stems that name nothing in the tables, and the examples whose questions have none.

    Of a question that has a house term it is the term's; of others all such words.
    """
    words: set[str] = set()
    wordless = []
    for schema in dict.fromkeys(example.schema for example in examples):
        own = [example for example in examples if example.schema == schema]
        terms = _stems(term.phrase for term in house_terms(own))
        for example in own:
            unknown = set(unknown_words(example))
            words |= unknown & terms or unknown
            wordless += [] if unknown else [example]
    return words, wordless


def _stems(texts: Iterable[str]) -> set[str]:
    return {stem(word) for text in texts for word in spoken_words(text)}
