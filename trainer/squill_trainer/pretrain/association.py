"""Counts which columns the words of questions speak of (`squill.prompt.slots.associations`)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from squill.prompt.slots.associations import Association
from squill.prompt.slots.keys import name_keys, word_keys
from squill.prompt.slots.linking import name_links
from squill.prompt.slots.numbering import Numbering
from squill_trainer.pretrain.roles import slot_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from squill.schema import Schema
    from squill_trainer.pretrain.corpus import Pair

SOURCES = ("wikisql", "spider", "spider_syn")
FEWEST_IN_TRAINING = 3
"""Schemas in which a word must have been met to be linked in a training prompt, one more than
else: the prompt's own schema was counted too, so a rarer word would be known better than it ever is
in an unseen question."""
_FEWEST_WORD = 2
_FEWEST_COLUMN = 4
_LEAST_SHARE = 0.1
_LEAST_LIFT = 2.0
_LEAST_LIKENESS = 0.15
_LIKENESS_WEIGHT = 0.4
_MOST = 6
_COLUMN = re.compile(r"<c\d+>")


def associate(pairs: Iterable[Pair]) -> dict[str, Association]:
    """For each key of a question's word, the shares of the columns' keys that it stood for.

    A word of a value speaks of the value's column; another one of the columns that the answer
    needs and the question does not name. A schema counts once, however many questions it has.
    What stood for one column speaks less of those that the same words stood for: a driver's name
    may be that of a player.
    """
    counts, words, columns, schemas = _count(pairs)
    met_words, met_columns = counts[:, -1], counts[-1]
    counts = counts[:-1, :-1]
    scores = _scores(counts, met_words[:-1], met_columns[:-1], schemas)
    found = {}
    for row, word in enumerate(words):
        best = np.argsort(-scores[row], kind="stable")[:_MOST]
        shares = {columns[i]: round(float(scores[row, i]), 2) for i in best if scores[row, i] > 0}
        if shares:
            found[word] = Association(int(met_words[row]), shares)
    return found


def _scores(
    counts: NDArray[Any], met_words: NDArray[Any], met_columns: NDArray[Any], schemas: int
) -> NDArray[Any]:
    """``(words, columns)``: shares, or less where only alike columns were met; 0 for weak ones."""
    lift = (counts / met_words[:, None]) * schemas / met_columns
    # One meeting alone says nothing of how alike two columns are.
    features = np.log1p(lift) * (counts > 1)
    features /= np.sqrt((features**2).sum(axis=0)) + 1e-9
    likeness = features.T @ features
    likeness[likeness <= _LEAST_LIKENESS] = 0
    np.fill_diagonal(likeness, 1.0)
    shares = counts / (met_words[:, None] + 1)
    scores = np.maximum(shares, _LIKENESS_WEIGHT * (shares @ likeness))
    strong = (scores >= _LEAST_SHARE) & (scores * schemas / met_columns >= _LEAST_LIFT)
    known = (met_words[:, None] >= _FEWEST_WORD) & (met_columns >= _FEWEST_COLUMN)
    result: NDArray[Any] = np.where(strong & known, scores, 0)
    return result


def _count(pairs: Iterable[Pair]) -> tuple[NDArray[Any], list[str], list[str], int]:
    """In how many schemas each word stood for each column's key, both by their keys.

    The last row and the last column of the counts have those of the columns and words alone.
    """
    schemas: dict[Schema, int] = {}
    met: set[tuple[int, str, str]] = set()
    for pair in pairs:
        schema = schemas.setdefault(pair.schema, len(schemas))
        for word, keys in _spoken(pair):
            met.add((schema, word, ""))
            met.update((schema, word, key) for key in keys)
            met.update((schema, "", key) for key in keys)
    words = sorted({word for _, word, _ in met} - {""})
    columns = sorted({key for _, _, key in met} - {""})
    row = {word: index for index, word in enumerate([*words, ""])}
    place = {key: index for index, key in enumerate([*columns, ""])}
    counts: NDArray[Any] = np.zeros((len(row), len(place)), dtype=np.float32)
    for _, word, key in met:
        counts[row[word], place[key]] += 1
    return counts, words, columns, len(schemas)


def _spoken(pair: Pair) -> Iterator[tuple[str, set[str]]]:
    numbering = Numbering(pair.schema, pair.question)
    links, named = name_links(numbering)
    linked = set(_COLUMN.findall("".join(links)))
    values = slot_labels(pair.target, numbering).words
    unnamed = {c for c in _COLUMN.findall(pair.target) if c not in linked}
    for index, word in enumerate(word_keys(numbering)):
        if index not in named and word is not None:
            columns = {values[index]} if values[index] else unnamed - set(values)
            yield word, _keys(columns, numbering)


def _keys(columns: Iterable[str], numbering: Numbering) -> set[str]:
    found = (numbering.column(int(column[2:-1])) for column in columns)
    return {key for each in found if each for key in name_keys(each[1].name)}


def write(pairs: Sequence[Pair], path: Path) -> None:
    """As JSON with a line for each word, in order."""
    lines = (
        f"{json.dumps(word, ensure_ascii=False)}: {json.dumps(entry, ensure_ascii=False)}"
        for word, entry in sorted(associate(pairs).items())
    )
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
