"""How near two names are: by edits, and by the words that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.prompt.words import identifier_words, stem

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEYWORD_TEXT = """
SELECT DISTINCT FROM WHERE GROUP ORDER BY HAVING LIMIT OFFSET JOIN INNER LEFT RIGHT FULL OUTER CROSS
NATURAL ON USING AND OR NOT IN IS NULL LIKE BETWEEN EXISTS AS ASC DESC UNION ALL INTERSECT EXCEPT
CASE WHEN THEN ELSE END WITH INSERT INTO VALUES UPDATE SET DELETE OVER PARTITION
"""
KEYWORDS = frozenset(_KEYWORD_TEXT.split())
_JOINED = {"GROUPBY": "GROUP BY", "ORDERBY": "ORDER BY", "PARTITIONBY": "PARTITION BY"}

MOST_NEAR = 4
_FARTHEST_SHARE = 0.4
"""Edits that still make two names alike, as a share of the longer one's letters."""
_PER_WORD = 1.5


def distance(one: str, other: str) -> int:
    """Insertions, deletions, changes and swaps of neighbours (optimal string alignment)."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def near_names(name: str, candidates: Iterable[str]) -> list[tuple[float, str]]:
    """The candidates that ``name`` may stand for, the nearest first, with their costs."""
    folded = name.casefold()
    others = dict.fromkeys(c for c in candidates if c.casefold() != folded)
    costs = [(_cost(folded, other), other) for other in others]
    found = [(cost, other) for cost, other in costs if cost is not None]
    return sorted(found, key=lambda item: item[0])[:MOST_NEAR]


def _cost(folded: str, other: str) -> float | None:
    edits = distance(folded, other.casefold())
    if edits <= max(1, _FARTHEST_SHARE * max(len(folded), len(other))):
        return edits
    mine, theirs = _stems(folded), _stems(other)
    shared = mine & theirs
    return 1 + _PER_WORD * len(mine ^ theirs) if shared else None


def _stems(name: str) -> set[str]:
    return {stem(word) for word in identifier_words(name) if len(word) > 2}


def nearest_keyword(word: str) -> str:
    """The keyword that ``word`` misspells, in its letter case, or an empty text."""
    upper = word.upper()
    if upper in KEYWORDS:
        return ""
    found = _JOINED.get(upper) or min(KEYWORDS, key=lambda key: (distance(upper, key), key))
    if found not in _JOINED.values() and distance(upper, found) > (1 if len(word) < 5 else 2):
        return ""
    return found.lower() if word.islower() else found
