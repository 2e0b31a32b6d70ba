"""Lines and texts, placed by hand, as SVG or PNG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

from squill_trainer.drawing.picture import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INK, GRID = "#333333", "#dddddd"

_TEXT = 12

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Line:
    """From one point to another, in the picture's units; y grows downwards."""

    start: Point
    end: Point
    colour: str
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Text:
    """``at`` is the middle of its height, and of its width as ``anchor`` says."""

    at: Point
    text: str
    anchor: Anchor = "start"


Shape = Line | Text


def dashed(
    start: Point, end: Point, colour: str, width: float = 1.0, dash: float = 0.0
) -> Iterator[Line]:
    """The stretch in dashes as long as the gaps between them, or whole where ``dash`` is 0."""
    parts = max(1, round(math.dist(start, end) / dash)) if dash else 1

    def at(part: int) -> Point:
        share = min(part, parts) / parts
        return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])

    for part in range(0, parts, 2):
        yield Line(at(part), at(part + 1), colour, width)


def svg(shapes: Sequence[Shape], width: int, height: int) -> str:
    """A picture of so many units, one a pixel."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="{_TEXT}" fill="{INK}" stroke-linecap="round">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n'
    )
    return head + "".join(f"{_element(shape)}\n" for shape in shapes) + "</svg>\n"


def _element(shape: Shape) -> str:
    if isinstance(shape, Text):
        x, y = shape.at
        return (
            f'<text x="{x:g}" y="{y:g}" dominant-baseline="middle" '
            f'text-anchor="{shape.anchor}">{escape(shape.text)}</text>'
        )
    (x1, y1), (x2, y2) = shape.start, shape.end
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{shape.colour}" stroke-width="{shape.width:g}"/>'
    )


def png(shapes: Sequence[Shape], width: int, height: int) -> bytes:
    """As `svg`; two pixels a unit."""
    picture = Picture(width, height)
    for shape in shapes:
        if isinstance(shape, Line):
            picture.line(shape.start, shape.end, shape.colour, shape.width)
        else:
            share = {"start": 0.0, "middle": 0.5, "end": 1.0}[shape.anchor]
            picture.text(shape.at, shape.text, INK, share)
    return picture.png()
