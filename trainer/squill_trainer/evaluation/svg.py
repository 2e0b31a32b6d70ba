"""Plots as inline SVG: no script, no font, no file beside the page."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _LABEL, _ROW = 640, 190, 26


@dataclass(frozen=True, slots=True)
class Bar:
    """``value`` and ``low`` to ``high``, its interval, in parts of the whole width (0 to 1).

    ``inner`` is drawn darker, from the left.
    """

    label: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None
    inner: float = 0.0


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Horizontal bars, one a row, with what they say at their right."""
    height = _ROW * len(rows) + 8
    body = "".join(_bar(row, 4 + _ROW * place) for place, row in enumerate(rows))
    return _plot(title, height, body)


def _bar(row: Bar, top: int) -> str:
    scale = _WIDTH - _LABEL - 150
    middle = top + _ROW / 2
    shapes = [
        f'<text x="{_LABEL - 8}" y="{middle + 4}" text-anchor="end">{escape(row.label)}</text>',
        _box("bar", _LABEL, top + 4, scale * row.value, _ROW - 8),
        _box("inner", _LABEL, top + 4, scale * row.inner, _ROW - 8),
    ]
    end = row.value
    if row.low is not None and row.high is not None:
        left, right = (_LABEL + scale * edge for edge in (row.low, row.high))
        shapes.append(
            f'<path class="whisker" d="M{left:.1f} {middle}H{right:.1f}'
            f'M{left:.1f} {middle - 4}v8M{right:.1f} {middle - 4}v8"/>'
        )
        end = row.high
    shapes.append(
        f'<text x="{_LABEL + scale * end + 8:.1f}" y="{middle + 4}">{escape(row.text)}</text>'
    )
    return "".join(shapes)


def histogram(title: str, values: Sequence[float], unit: str, most: float) -> str:
    """How often which value: forty bins from 0 to ``most``, larger ones in the last."""
    count, base = 40, 150
    bins = [0] * count
    for value in values:
        bins[min(count - 1, int(value / most * count))] += 1
    wide, tallest = (_WIDTH - 40) / count, max([*bins, 1])
    shapes = [
        _box("bar", 20 + wide * place, base - 130 * n / tallest, wide - 1, 130 * n / tallest)
        for place, n in enumerate(bins)
    ]
    for part in range(5):
        x = 20 + (_WIDTH - 40) * part / 4
        shapes.append(
            f'<text x="{x}" y="{base + 18}" text-anchor="middle">{most * part / 4:.0f}</text>'
        )
    shapes.append(f'<text x="{_WIDTH / 2}" y="{base + 36}" text-anchor="middle">{unit}</text>')
    return _plot(title, base + 42, "".join(shapes))


def _box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" '
        f'width="{max(0.0, width):.1f}" height="{height:.1f}"/>'
    )


def _plot(title: str, height: float, body: str) -> str:
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg role="img" '
        f'aria-label="{escape(title)}" viewBox="0 0 {_WIDTH} {height}">{body}</svg></figure>'
    )
