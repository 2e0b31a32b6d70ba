"""Which words of a question name a table or a column: links that stand in the prompt.

A model of a few million parameters finds it hard to compare spellings but easy to follow a link.
The idea is schema linking by name matching (RAT-SQL: Wang et al., 2020, arXiv:1911.04942). Words
that are in no name are linked by what they stood for in training questions
(`squill.prompt.slots.associations`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.prompt.slots.associations import associations
from squill.prompt.slots.keys import name_keys, spelling_key, word_keys
from squill.prompt.slots.vocabulary import PARTIAL, column_token, table_token

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from squill.prompt.slots.numbering import Numbering

_LONGEST_NAME = 6
_MOST_LINKS = 4
_MOST_ASSOCIATED = 3
_COMMON_TEXT = """
the and for are was were what which who how many much does did has have had with from that this
there their all each any not than more less most least when where show list find give you him
her his its she they into over under per out one two
"""
_COMMON = frozenset(_COMMON_TEXT.split())

_MEASURES = {
    **dict.fromkeys(("old", "older", "oldest", "young", "younger", "youngest"), "age"),
    **dict.fromkeys(("tall", "taller", "tallest"), "height"),
    **dict.fromkeys(("heavy", "heavier", "heaviest", "weigh", "weighs"), "weight"),
    **dict.fromkeys(("expensive", "cheap", "cheaper", "cheapest", "cost", "costs"), "price"),
    **dict.fromkeys(("earn", "earns", "paid"), "salary"),
    **dict.fromkeys(("inhabitant", "inhabitants"), "population"),
    **dict.fromkeys(("born", "birthday"), "birth"),
    **dict.fromkeys(("hired",), "hire"),
}
"""Words that ask for a measure without naming it."""


def word_links(numbering: Numbering, *, fewest: int = 0) -> list[str]:
    """For each word of the question, the links that follow it (mostly none).

    Those of `name_links`; other words get ``PARTIAL`` and the columns that they speak of, if they
    were met in at least ``fewest`` schemas.
    """
    links, named = name_links(numbering)
    columns = [name_keys(column.name) for _, column in numbering.columns]
    for index, key in enumerate(word_keys(numbering)):
        known = associations().get(key) if key and index not in named else None
        if known is not None and known.schemas >= fewest:
            links[index] = _associated(known.columns, columns, numbering.first_column)
    return links


def _associated(
    meant: dict[str, float], columns: Sequence[tuple[str, ...]], first_column: int
) -> str:
    """``columns``: the keys of each one's words, the first having the token ``first_column``."""
    scores = [max((meant.get(key, 0) for key in keys), default=0) for keys in columns]
    best = max(scores, default=0)
    chosen = [i for i, score in enumerate(scores) if best and score >= 0.6 * best]
    if not 0 < len(chosen) <= _MOST_ASSOCIATED:
        return ""
    return PARTIAL + "".join(column_token(first_column + i) for i in chosen)


def name_links(numbering: Numbering) -> tuple[list[str], set[int]]:
    """Links by spelling, and the words that have one or are within a name.

    A run of words (signs between them aside) that is a whole name gets that name's token behind
    its last word; other words get ``PARTIAL`` and the tokens of the names that they are part of.
    """
    names = list(_names(numbering))
    links = [""] * len(numbering.words)
    spelled = [i for i, word in enumerate(numbering.words) if word.text.isalnum()]
    known = {key for name, _ in names for key in name}
    keys = [_meant(numbering.words[i].text, known) for i in spelled]
    covered: set[int] = set()
    for start, end, tokens in _whole_names(keys, names):
        if covered.isdisjoint(range(start, end)):
            covered.update(range(start, end))
            links[spelled[end - 1]] = "".join(tokens[:_MOST_LINKS])
    for position, index in enumerate(spelled):
        if position not in covered and _tells(numbering.words[index].text):
            tokens = [token for name, token in names if keys[position] in name]
            if 0 < len(tokens) <= _MOST_LINKS:
                links[index] = PARTIAL + "".join(tokens)
    named = {spelled[position] for position in covered}
    return links, named | {index for index, link in enumerate(links) if link}


def _meant(word: str, known: set[str]) -> str:
    """The word's key, or that of what it asks for where no name has the word itself."""
    key = spelling_key(word)
    return key if key in known else spelling_key(_MEASURES.get(word.lower(), word))


def _tells(word: str) -> bool:
    return len(word) > 2 and word.lower() not in _COMMON


def _names(numbering: Numbering) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every name in the prompt as keys, with its token: columns first, then tables."""
    for index, (_, column) in enumerate(numbering.columns):
        yield name_keys(column.name), column_token(numbering.first_column + index)
    for index, table in enumerate(numbering.schema.tables):
        yield name_keys(table.name), table_token(numbering.first_table + index)


def _whole_names(
    keys: Sequence[str], names: Sequence[tuple[tuple[str, ...], str]]
) -> Iterator[tuple[int, int, list[str]]]:
    """Runs of words that are whole names, longest first: start, end and the names' tokens."""
    by_name: dict[tuple[str, ...], list[str]] = {}
    for name, token in names:
        by_name.setdefault(name, []).append(token)
    for length in range(min(_LONGEST_NAME, len(keys)), 0, -1):
        for start in range(len(keys) - length + 1):
            tokens = by_name.get(tuple(keys[start : start + length]))
            if tokens:
                yield start, start + length, tokens
