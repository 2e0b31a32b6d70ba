"""How `squill adapters` tells of adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from squill.adapters import AdapterCard

_DIGITS = 12
_NOT_THERE = "-"


def short(digest: str | None) -> str:
    """What names an adapter on a line."""
    return digest[:_DIGITS] if digest else "the model without an adapter"


def line(card: AdapterCard, *, in_use: bool) -> str:
    mark = "*" if in_use else " "
    return (
        f"{mark} {card.digest[:_DIGITS]}  {card.created[:16]}  {len(card.pairs)} pairs  {card.note}"
    )


def details(card: AdapterCard, *, in_use: bool) -> str:
    """All about one adapter."""
    rows = [
        ("digest", card.digest),
        ("in use", "yes" if in_use else "no"),
        ("model", card.base),
        ("prompts", card.prompt_format),
        ("made", card.created),
        ("begun from", short(card.parent)),
        ("pairs", str(len(card.pairs))),
        ("answers", f"questions with {', '.join(card.words)}" if card.words else "all questions"),
        ("verdict", card.note or _NOT_THERE),
        *((name, _figure(value)) for name, value in sorted(card.figures.items())),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


def difference(old: AdapterCard, new: AdapterCard) -> dict[str, Any]:
    """What changed from one adapter to the other; figures as (old, new), None for none."""
    names = sorted({*old.figures, *new.figures})
    return {
        "old": old.digest,
        "new": new.digest,
        "same_model": old.base == new.base,
        "pairs_added": [pair for pair in new.pairs if pair not in old.pairs],
        "pairs_removed": [pair for pair in old.pairs if pair not in new.pairs],
        "figures": {name: (old.figures.get(name), new.figures.get(name)) for name in names},
    }


def difference_lines(found: Mapping[str, Any], questions: Mapping[str, str]) -> Iterator[str]:
    """`difference` for a reader. ``questions`` are those of the pairs that are known."""
    yield f"{short(found['old'])} → {short(found['new'])}"
    if not found["same_model"]:
        yield "They are adapters of different models."
    for sign, key in (("+", "pairs_added"), ("-", "pairs_removed")):
        for pair in found[key]:
            yield f"{sign} {pair[:_DIGITS]}  {questions.get(pair, 'no longer there')}"
    width = max(map(len, found["figures"]), default=0)
    for name, (old, new) in found["figures"].items():
        yield f"  {name:{width}}  {_figure(old)} → {_figure(new)}"


def _figure(value: float | None) -> str:
    return _NOT_THERE if value is None else f"{value:.4g}"
