"""The learning benchmark's curves as a picture, SVG or PNG, without a plotting library."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from learning_figures import LEAST_AFTER, Step, mean
from learning_png import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from learning_figures import Course

WIDTH, HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 590, 40, 390
_TEXT = 12
_INK, _GRID = "#333333", "#dddddd"
_COLOURS = ("#7aa6c2", "#d8a47f", "#8fbc8f", "#c49ac4", "#c2b280", "#9aa5b1", "#d99a9a", "#7fbfb0")

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


@dataclass(frozen=True, slots=True)
class _Curve:
    name: str
    shares: Sequence[float]
    colour: str
    width: float
    dash: float = 0.0


def save_plot(courses: Sequence[Course], path: Path) -> None:
    """In the format that the file's name ends with: ``.png``, else SVG."""
    shapes = list(_chart(courses))
    if path.suffix == ".png":
        path.write_bytes(_png(shapes))
    else:
        path.write_text(_svg(shapes), encoding="utf-8")


def _chart(courses: Sequence[Course]) -> Iterator[Line | Text]:
    pairs = [step.pairs for step in courses[0].steps]
    yield from _axes(pairs)
    for place, curve in enumerate(_curves(courses)):
        points = [_point(x, y, pairs) for x, y in zip(pairs, curve.shares, strict=True)]
        for start, end in pairwise(points):
            yield from _dashed(start, end, curve)
        height = _TOP + 20.0 * place
        yield from _dashed((_RIGHT + 20, height), (_RIGHT + 50, height), curve)
        yield Text((_RIGHT + 58, height), curve.name)


def _curves(courses: Sequence[Course]) -> Iterator[_Curve]:
    steps = range(len(courses[0].steps))

    def means(figure: Callable[[Step], float]) -> list[float]:
        return [mean(courses, step, figure) for step in steps]

    for number, course in enumerate(courses):
        colour = _COLOURS[number % len(_COLOURS)]
        yield _Curve(course.name, [step.unseen for step in course.steps], colour, 1.5)
    yield _Curve("mean", means(lambda step: step.unseen), "#1f4e79", 3.5)
    yield _Curve("canary", means(lambda step: step.canary), "#a03030", 2.5, dash=8)
    yield _Curve("plain", means(lambda step: step.plain), "#555555", 2.5, dash=3)


def _axes(pairs: Sequence[int]) -> Iterator[Line | Text]:
    for percent in range(0, 101, 20):
        left = _point(0, percent / 100, pairs)
        yield Line(left, (_RIGHT, left[1]), _GRID)
        yield Text((_LEFT - 8, left[1]), f"{percent} %", "end")
    goal = _point(0, LEAST_AFTER, pairs)
    yield from _dashed(goal, (_RIGHT, goal[1]), _Curve("goal", (), _INK, 1, dash=2))
    yield Text((_LEFT + 6, goal[1] - 9), "goal")
    yield Line((_LEFT, _TOP), (_LEFT, _BOTTOM), _INK)
    yield Line((_LEFT, _BOTTOM), (_RIGHT, _BOTTOM), _INK)
    for count in pairs:
        x = _point(count, 0, pairs)[0]
        yield Line((x, _BOTTOM), (x, _BOTTOM + 5), _INK)
        yield Text((x, _BOTTOM + 16), str(count), "middle")
    yield Text(((_LEFT + _RIGHT) / 2, HEIGHT - 14), "pairs taught", "middle")
    yield Text((_LEFT, _TOP - 20), "unseen questions answered right")


def _point(count: float, share: float, pairs: Sequence[int]) -> Point:
    widest = max(*pairs, 1)
    return _LEFT + (_RIGHT - _LEFT) * count / widest, _BOTTOM - (_BOTTOM - _TOP) * share


def _dashed(start: Point, end: Point, curve: _Curve) -> Iterator[Line]:
    """The stretch in dashes as long as the gaps between them, or whole where ``dash`` is 0."""
    parts = max(1, round(math.dist(start, end) / curve.dash)) if curve.dash else 1

    def at(part: int) -> Point:
        share = min(part, parts) / parts
        return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])

    for part in range(0, parts, 2):
        yield Line(at(part), at(part + 1), curve.colour, curve.width)


def _svg(shapes: Sequence[Line | Text]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="{_TEXT}" fill="{_INK}" stroke-linecap="round">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
    )
    return head + "".join(f"{_element(shape)}\n" for shape in shapes) + "</svg>\n"


def _element(shape: Line | Text) -> str:
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


def _png(shapes: Sequence[Line | Text]) -> bytes:
    picture = Picture(WIDTH, HEIGHT)
    for shape in shapes:
        if isinstance(shape, Line):
            picture.line(shape.start, shape.end, shape.colour, shape.width)
        else:
            share = {"start": 0.0, "middle": 0.5, "end": 1.0}[shape.anchor]
            picture.text(shape.at, shape.text, _INK, share)
    return picture.png()
