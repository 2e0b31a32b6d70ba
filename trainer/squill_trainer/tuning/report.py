"""A training's curves as a page and as a picture."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from squill_trainer.drawing.shapes import GRID, INK, Line, Text, dashed, png, svg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from squill_trainer.drawing.shapes import Shape
    from squill_trainer.tuning.curves import Curves

    Series = Sequence[tuple[int, float]]

WIDTH, HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 560, 40, 310
_LOSS, _VALIDATION, _ACCURACY = "#7aa6c2", "#1f4e79", "#a03030"

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; }
table { border-collapse: collapse; } td, th { text-align: right; padding: .1rem .8rem; }
"""


def write_report(folder: Path, curves: Curves, title: str) -> tuple[Path, Path]:
    """Write report.html and report.png into ``folder``; gives their paths."""
    page, picture = folder / "report.html", folder / "report.png"
    shapes = list(_chart(curves))
    page.write_text(_page(curves, title, svg(shapes, WIDTH, HEIGHT)), encoding="utf-8")
    picture.write_bytes(png(shapes, WIDTH, HEIGHT))
    return page, picture


def _page(curves: Curves, title: str, chart: str) -> str:
    gate = "".join(
        f"<tr><td>{escape(name)}</td><td>{value:g}</td></tr>" for name, value in curves.gate.items()
    )
    rows = "".join(
        f"<tr><td>{p.step}</td>{_cell(p.loss)}{_cell(p.validation)}{_cell(p.accuracy)}</tr>"
        for p in curves.steps
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{chart}"
        + (f"<h2>The gate</h2><table>{gate}</table>" if gate else "")
        + "<h2>Steps</h2><table><tr><th>step</th><th>loss</th><th>validation</th>"
        f"<th>accuracy</th></tr>{rows}</table></body></html>\n"
    )


def _cell(value: float | None) -> str:
    return "<td></td>" if value is None else f"<td>{value:.4f}</td>"


def _chart(curves: Curves) -> Iterator[Shape]:
    loss = [(p.step, p.loss) for p in curves.steps if p.loss is not None]
    valid = [(p.step, p.validation) for p in curves.steps if p.validation is not None]
    right = [(p.step, p.accuracy) for p in curves.steps if p.accuracy is not None]
    last = max([point.step for point in curves.steps], default=1) or 1
    most = max([value for _, value in (*loss, *valid)], default=1.0) or 1.0
    yield from _axes(last, most, accuracy=bool(right))
    named = (("loss", loss, _LOSS, most), ("validation", valid, _VALIDATION, most))
    shown = [entry for entry in (*named, ("accuracy", right, _ACCURACY, 1.0)) if entry[1]]
    for place, (name, series, colour, top) in enumerate(shown):
        yield from _line([_place(step / last, value / top) for step, value in series], colour)
        height = _TOP + 20.0 * place
        yield from dashed((_RIGHT + 50, height), (_RIGHT + 76, height), colour, 2.5)
        yield Text((_RIGHT + 84, height), name)


def _line(points: Sequence[tuple[float, float]], colour: str) -> Iterator[Line]:
    if len(points) == 1:
        yield Line(points[0], points[0], colour, 5)
    for start, end in pairwise(points):
        yield Line(start, end, colour, 2.5)


def _axes(last: int, most: float, *, accuracy: bool) -> Iterator[Shape]:
    for part in range(5):
        share = part / 4
        left = _place(0, share)
        yield Line(left, (_RIGHT, left[1]), GRID)
        yield Text((_LEFT - 8, left[1]), f"{most * share:.2f}", "end")
        if accuracy:
            yield Text((_RIGHT + 8, left[1]), f"{100 * share:.0f} %")
        yield Text((_place(share, 0)[0], _BOTTOM + 16), f"{last * share:.0f}", "middle")
    yield Line((_LEFT, _TOP), (_LEFT, _BOTTOM), INK)
    yield Line((_LEFT, _BOTTOM), (_RIGHT, _BOTTOM), INK)
    yield Text(((_LEFT + _RIGHT) / 2, HEIGHT - 14), "steps", "middle")
    yield Text((_LEFT, _TOP - 20), "nats a token")


def _place(across: float, up: float) -> tuple[float, float]:
    return _LEFT + (_RIGHT - _LEFT) * across, _BOTTOM - (_BOTTOM - _TOP) * min(1.0, up)
