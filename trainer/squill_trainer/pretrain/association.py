"""Counts which columns the words of questions speak of (`squill.prompt.slots.associations`)."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

from squill.prompt.slots.linking import name_keys, name_links, word_key
from squill.prompt.slots.numbering import Numbering
from squill_trainer.pretrain.roles import slot_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from squill_trainer.pretrain.corpus import Pair

SOURCES = ("wikisql", "spider", "spider_syn")
_COLUMN = re.compile(r"<c\d+>")
_FEWEST = 4
"""Schemas in which a word must have stood for a column's word."""
_LEAST_SHARE = 0.15
_LEAST_LIFT = 3.0
_MOST = 4


def associate(pairs: Iterable[Pair]) -> dict[str, dict[str, float]]:
    """For each key of a question's word, the shares of the columns' keys that it stood for.

    A word of a value speaks of the value's column; another one of the columns that the answer
    needs and the question does not name. A schema counts once, however many questions it has.
    """
    schemas: set[int] = set()
    words: set[tuple[int, str]] = set()
    names: set[tuple[int, str]] = set()
    both: set[tuple[int, str, str]] = set()
    for pair in pairs:
        schema = id(pair.schema)
        schemas.add(schema)
        for word, keys in _spoken(pair):
            words.add((schema, word))
            names.update((schema, key) for key in keys)
            both.update((schema, word, key) for key in keys)
    by_word, by_name = Counter(w for _, w in words), Counter(n for _, n in names)
    found: dict[str, dict[str, float]] = {}
    for (word, key), count in Counter((w, n) for _, w, n in both).most_common():
        share = count / by_word[word]
        lift = share * len(schemas) / by_name[key]
        if count >= _FEWEST and share >= _LEAST_SHARE and lift >= _LEAST_LIFT:
            own = found.setdefault(word, {})
            if len(own) < _MOST:
                own[key] = round(share, 2)
    return found


def _spoken(pair: Pair) -> Iterator[tuple[str, set[str]]]:
    numbering = Numbering(pair.schema, pair.question)
    links, named = name_links(numbering)
    linked = set(_COLUMN.findall("".join(links)))
    values = slot_labels(pair.target, numbering).words
    unnamed = {c for c in _COLUMN.findall(pair.target) if c not in linked}
    for index, word in enumerate(numbering.words):
        if index not in named and word.text.isalnum():
            columns = {values[index]} if values[index] else unnamed - set(values)
            yield word_key(word.text), {k for c in columns for k in _keys(c, numbering)}


def _keys(column: str, numbering: Numbering) -> tuple[str, ...]:
    found = numbering.column(int(column[2:-1]))
    return name_keys(found[1].name) if found else ()


def write(pairs: Iterable[Pair], path: Path) -> None:
    """As JSON with a line for each word, in order."""
    lines = (
        f"{json.dumps(word, ensure_ascii=False)}: {json.dumps(keys, ensure_ascii=False)}"
        for word, keys in sorted(associate(pairs).items())
    )
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
