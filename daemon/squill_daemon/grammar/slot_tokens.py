"""The tokens of a model that writes slots, by what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llguidance import LLTokenizer

    from squill.prompt.terminals import Terminals

LATER = (
    *(" WHERE ", " GROUP BY ", " HAVING ", " ORDER BY ", " LIMIT "),
    *(" UNION ", " UNION ALL ", " INTERSECT ", " EXCEPT "),
)
"""What follows a FROM clause."""

CONNECTIVES = (" AND ", " OR ")


@dataclass(frozen=True)
class SlotTokens:
    """Slots by token; ``exits`` end a FROM clause, ``closing`` begin with a closing parenthesis."""

    texts: list[str]
    tables: dict[int, str]
    columns: dict[int, str]
    aliases: dict[int, str]
    exits: list[int]
    closing: list[int]
    aliasing: list[int]
    all_but_aliasing: list[int]
    subquery: list[int]
    connectives: list[int]


def slot_tokens(tokenizer: LLTokenizer, terminals: Terminals) -> SlotTokens | None:
    """None where the tokenizer has no token of its own for each slot."""
    texts = [tokenizer.decode_str([i]) for i in range(tokenizer.vocab_size)]
    ids = {text: i for i, text in enumerate(texts)}
    tables = [t.source for t in terminals.tables]
    columns = [c for t in terminals.tables for c in t.columns]
    if not {*tables, *columns, *terminals.aliases, *LATER, " AS ", "("} <= ids.keys():
        return None
    return SlotTokens(
        texts,
        {ids[text]: text for text in tables},
        {ids[text]: text for text in columns},
        {ids[text]: text for text in terminals.aliases},
        exits=[*tokenizer.eos_tokens, *(ids[text] for text in LATER)],
        closing=[i for i, text in enumerate(texts) if text.startswith(")")],
        aliasing=[ids[" AS "]],
        all_but_aliasing=[i for i in ids.values() if i != ids[" AS "]],
        subquery=[ids["("]],
        connectives=[ids[text] for text in CONNECTIVES if text in ids],
    )
