"""What the answer makes of each word, table and column of a prompt: labels for training alone.

The answer is a dozen decisions; the labels of the slots behind the question are as many again as
the question and the schema have words and columns, and say directly what those decisions rest on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.prompt.slots.vocabulary import column_token

if TYPE_CHECKING:
    from squill.prompt.slots.numbering import Numbering

ROLES = (
    *("SELECT", "FROM", "ON", "WHERE", "GROUP BY", "HAVING", "ORDER BY", "DESC"),
    *("COUNT", "SUM", "AVG", "MIN", "MAX", "=", ">", "<"),
)
"""A table or a column can have several: bit ``i`` of a mask stands for ``ROLES[i]``."""
_BITS = {role: 1 << index for index, role in enumerate(ROLES)}
_PIECE = re.compile(
    r"<w(?P<first>\d+)><w(?P<last>\d+)>|<(?P<kind>[tc])(?P<number>\d+)>"
    r"|(?P<clause>SELECT|FROM|JOIN|WHERE|GROUP BY|HAVING|ORDER BY|\bON\b|LIMIT)"
    r"|(?P<aggregate>COUNT|SUM|AVG|MIN|MAX)\((?:DISTINCT )?"
    r"|(?P<sign> (?:=|>=?|<=?) )|(?P<desc> DESC)"
)


@dataclass(frozen=True, slots=True)
class SlotLabels:
    """``words``: for each word the column slot whose value it is part of, or nothing; ``masks``:
    the roles of each table and its columns, in the order of the prompt's end."""

    words: tuple[str, ...]
    masks: tuple[int, ...]


def slot_labels(target: str, numbering: Numbering) -> SlotLabels:
    """``target`` is in the numbers of ``numbering``."""
    words = [""] * len(numbering.words)
    masks: dict[tuple[str, int], int] = {}
    clause, aggregate, column = "", "", 0
    for piece in _PIECE.finditer(target):
        if piece["clause"]:
            clause = "FROM" if piece["clause"] == "JOIN" else piece["clause"]
            column = 0
        elif piece["aggregate"]:
            aggregate = piece["aggregate"]
        elif piece["kind"]:
            slot = piece["kind"], int(piece["number"])
            masks[slot] = masks.get(slot, 0) | _BITS.get(clause, 0) | _BITS.get(aggregate, 0)
            aggregate = ""
            column = slot[1] if slot[0] == "c" else column
        elif piece["first"] and column and clause in ("WHERE", "HAVING"):
            start, end = (int(piece[part]) - numbering.first_word for part in ("first", "last"))
            words[start : end + 1] = [column_token(column)] * (end + 1 - start)
        elif column:
            sign = (piece["sign"] or piece["desc"] or "").strip()
            masks["c", column] |= _BITS.get(sign[:1] if piece["sign"] else sign, 0)
    return SlotLabels(tuple(words), tuple(_masks(masks, numbering)))


def _masks(masks: dict[tuple[str, int], int], numbering: Numbering) -> list[int]:
    found = []
    column = numbering.first_column
    for index, table in enumerate(numbering.schema.tables):
        found.append(masks.get(("t", numbering.first_table + index), 0))
        for _ in table.columns:
            found.append(masks.get(("c", column), 0))
            column += 1
    return found
