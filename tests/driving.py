"""Drives a language model's generators as the model thread does, one at a time or side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from squill_daemon.language_model import LanguageModel, ReadPrompt, Written

T = TypeVar("T")


def finished(model: LanguageModel, reading: Generator[Any, None, T]) -> T:
    """The result of `read`, with all its passes made."""
    try:
        while True:
            model.launch([next(reading)])
            model.land()
    except StopIteration as end:
        return end.value


def read(model: LanguageModel, tokens: list[int], adapter: str | None = None) -> ReadPrompt:
    return finished(model, model.read(tokens, adapter))


def written(
    model: LanguageModel, writings: Sequence[Generator[Written, None, None]], most: int = 20
) -> list[list[Written]]:
    """What each of several `write`s gives, ``most`` tokens of each, their passes made together."""
    open_ = list(writings)
    tokens: list[list[Written]] = [[] for _ in writings]
    while any(open_):
        rows = []
        for number, writing in enumerate(open_):
            if writing is None:
                continue
            last = tokens[number][-1] if tokens[number] else None
            if last is None or last.row is None or not last.row.pending:
                last = next(writing, None) if len(tokens[number]) < most else None
                if last is None or last.end:
                    writing.close()
                    open_[number] = None
                if last is None:
                    continue
                tokens[number].append(last)
            if last.row is not None and not last.end:
                rows.append(last.row)
        if rows:
            model.launch(rows)
            model.land()
    return tokens
