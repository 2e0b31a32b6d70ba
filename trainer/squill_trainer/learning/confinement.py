"""The words without which an adapter is not asked, so that it cannot spoil what it has no part in.

Every question with a house word is the adapter's, and all others stay the base model's. That can
only be where the pairs teach nothing else: a pair whose question has no word of its own, and which
the base model gets wrong, needs an adapter for all questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.adapters.words import spoken_words
from squill.prompt.words import stem
from squill_trainer.learning.evaluation import measure
from squill_trainer.learning.terms import house_terms, unknown_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from squill.schema import Schema
    from squill_trainer.learning.evaluation import Asks
    from squill_trainer.learning.examples import Example


async def confining_words(daemon: Asks, examples: Sequence[Example]) -> tuple[str, ...]:
    """Sorted stems for the adapter's card; empty where it has to answer all questions.

    A question without a house term takes none of its words from the base model where that answers
    it rightly.

    Raises:
        SquillError: the daemon cannot be reached.
    """
    found: set[str] = set()
    for example, own in zip(examples, _own_words(examples), strict=True):
        if own.of_a_term or not (await measure(daemon, None, [example])).right:
            if not own.words:
                return ()
            found |= own.words
    return tuple(sorted(found))


def words_of_each(examples: Sequence[Example]) -> list[set[str]]:
    """The stems in each question that name nothing in the tables.

    Of a question that has a house term it is the term's; of others all such words.
    """
    return [own.words for own in _own_words(examples)]


@dataclass(frozen=True, slots=True)
class _OwnWords:
    words: set[str]
    of_a_term: bool


def _own_words(examples: Sequence[Example]) -> Iterator[_OwnWords]:
    by_schema: dict[Schema, list[Example]] = {}
    for example in examples:
        by_schema.setdefault(example.schema, []).append(example)
    terms = {
        schema: _stems(term.phrase for term in house_terms(own))
        for schema, own in by_schema.items()
    }
    for example in examples:
        words = set(unknown_words(example))
        of_terms = words & terms[example.schema]
        yield _OwnWords(of_terms or words, bool(of_terms))


def _stems(texts: Iterable[str]) -> set[str]:
    return {stem(word) for text in texts for word in spoken_words(text)}
