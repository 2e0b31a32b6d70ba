"""The learning benchmark's curves as a picture, SVG or PNG, without a plotting library."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from learning_figures import LEAST_AFTER, Step, mean
from squill_trainer.drawing.shapes import GRID, INK, Line, Text, dashed, png, svg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from learning_figures import Course
    from squill_trainer.drawing.shapes import Point

WIDTH, HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 590, 40, 390
_COLOURS = ("#7aa6c2", "#d8a47f", "#8fbc8f", "#c49ac4", "#c2b280", "#9aa5b1", "#d99a9a", "#7fbfb0")


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
        path.write_bytes(png(shapes, WIDTH, HEIGHT))
    else:
        path.write_text(svg(shapes, WIDTH, HEIGHT), encoding="utf-8")


def _chart(courses: Sequence[Course]) -> Iterator[Line | Text]:
    pairs = [step.pairs for step in courses[0].steps]
    yield from _axes(pairs)
    for place, curve in enumerate(_curves(courses)):
        points = [_point(x, y, pairs) for x, y in zip(pairs, curve.shares, strict=True)]
        for start, end in pairwise(points):
            yield from dashed(start, end, curve.colour, curve.width, curve.dash)
        height = _TOP + 20.0 * place
        key = (_RIGHT + 20, height), (_RIGHT + 50, height)
        yield from dashed(*key, curve.colour, curve.width, curve.dash)
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
        yield Line(left, (_RIGHT, left[1]), GRID)
        yield Text((_LEFT - 8, left[1]), f"{percent} %", "end")
    goal = _point(0, LEAST_AFTER, pairs)
    yield from dashed(goal, (_RIGHT, goal[1]), INK, dash=2)
    yield Text((_LEFT + 6, goal[1] - 9), "goal")
    yield Line((_LEFT, _TOP), (_LEFT, _BOTTOM), INK)
    yield Line((_LEFT, _BOTTOM), (_RIGHT, _BOTTOM), INK)
    for count in pairs:
        x = _point(count, 0, pairs)[0]
        yield Line((x, _BOTTOM), (x, _BOTTOM + 5), INK)
        yield Text((x, _BOTTOM + 16), str(count), "middle")
    yield Text(((_LEFT + _RIGHT) / 2, HEIGHT - 14), "pairs taught", "middle")
    yield Text((_LEFT, _TOP - 20), "unseen questions answered right")


def _point(count: float, share: float, pairs: Sequence[int]) -> Point:
    widest = max(*pairs, 1)
    return _LEFT + (_RIGHT - _LEFT) * count / widest, _BOTTOM - (_BOTTOM - _TOP) * share
