"""Texts to the flat batches that the network reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from squill_trainer.pretraining.network import Branches, Packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokenizers import Tokenizer

    from squill_trainer.pretraining.corpus import PackedText

END = 0
"""The token that ends an answer: ``<|endoftext|>``."""

LONGEST_SCHEMA = 1600
LONGEST_QUESTION = 220
"""In tokens; what is longer is left out."""


class EncodedText:
    """One sequence in tokens: its schema, and for each question request and answer."""

    def __init__(self, text: PackedText, tokenizer: Tokenizer) -> None:
        def encode(part: str) -> list[int]:
            return list(tokenizer.encode(part, add_special_tokens=False).ids)

        self.schema = encode(text.schema)
        branches = [(encode(b.request), [*encode(b.answer), END]) for b in text.branches]
        self.branches = [(r, a) for r, a in branches if len(r) + len(a) <= LONGEST_QUESTION]

    @property
    def size(self) -> int:
        return len(self.schema) + sum(len(r) + len(a) for r, a in self.branches)

    @property
    def usable(self) -> bool:
        return bool(self.branches) and len(self.schema) <= LONGEST_SCHEMA


def batches(
    texts: Iterable[PackedText], tokenizer: Tokenizer, tokens: int
) -> Iterator[tuple[int, Packed]]:
    """Batches of about ``tokens`` tokens, each with the number of sequences read up to it."""
    pending: list[EncodedText] = []
    size = 0
    for count, text in enumerate(texts, start=1):
        encoded = EncodedText(text, tokenizer)
        if not encoded.usable:
            continue
        if pending and size + encoded.size > tokens * 1.25:
            yield count - 1, pack(pending)
            pending, size = [], 0
        pending.append(encoded)
        size += encoded.size
        if size >= tokens:
            yield count, pack(pending)
            pending, size = [], 0
    if pending:
        yield count, pack(pending)


def pack(texts: list[EncodedText]) -> Packed:
    tokens: list[int] = []
    positions: list[int] = []
    answers: list[int] = []
    labels: list[int] = []
    sequences = []
    for text in texts:
        first, length = len(tokens), len(text.schema)
        tokens += text.schema
        positions += range(length)
        rows = []
        for request, answer in text.branches:
            start = len(tokens)
            written = [*request, *answer[:-1]]
            tokens += written
            positions += range(length, length + len(written))
            answers += range(start + len(request) - 1, start + len(written))
            labels += answer
            rows.append(range(start, start + len(written)))
        sequences.append(_branches(first, length, rows))
    return Packed(
        torch.tensor(tokens),
        torch.tensor(positions),
        tuple(sequences),
        torch.tensor(answers),
        torch.tensor(labels),
        torch.ones(len(labels)),
    )


def _branches(first: int, schema: int, rows: list[range]) -> Branches:
    longest = max(len(row) for row in rows)
    index = torch.full((len(rows), longest), rows[0].start)
    real = torch.zeros((len(rows), longest), dtype=torch.bool)
    for number, row in enumerate(rows):
        index[number, : len(row)] = torch.arange(row.start, row.stop)
        real[number, : len(row)] = True
    return Branches(first, schema, index, real)
