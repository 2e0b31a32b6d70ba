"""Tables of measured figures for the benchmarks, and the machine that they were measured on."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PACKAGES = ("squill", "mlx", "mlx-lm", "llguidance", "tokenizers", "transformers")


def percentile(values: Sequence[float], percent: int) -> float:
    """By nearest rank: the least value that at least ``percent`` % do not exceed."""
    rank = -(-percent * len(values) // 100)  # rounded up, without the errors of a float
    return sorted(values)[max(rank, 1) - 1]


@dataclass(frozen=True)
class Times:
    """Goal: our figure at ``percent`` is at most 1/``factor`` of the other side's."""

    factor: float
    percent: int = 50

    def __str__(self) -> str:
        where = "" if self.percent == 50 else f" (p{self.percent})"
        return f"≤ 1/{self.factor:g}{where}"


@dataclass(frozen=True)
class Most:
    """Goal: none of our figures is above ``value``; ``percent`` 50 for the middle one alone."""

    value: float
    percent: int = 100

    def __str__(self) -> str:
        where = "" if self.percent == 100 else f" (p{self.percent})"
        return f"≤ {self.value:g}{where}"


@dataclass(frozen=True)
class Row:
    """One figure: samples by the name of who gave them, the first being ours."""

    name: str
    unit: str
    samples: Mapping[str, Sequence[float]]
    goal: Times | Most | None = None

    def ratio(self, other: str) -> float | None:
        """The other side's figure over ours, at the goal's percentile; None where one is none."""
        ours = self.samples.get(next(iter(self.samples)))
        theirs = self.samples.get(other)
        if not ours or not theirs:
            return None
        percent = self.goal.percent if isinstance(self.goal, Times) else 50
        mine, other_one = percentile(ours, percent), percentile(theirs, percent)
        return other_one / mine if mine > 0 and other_one > 0 else None

    def verdicts(self, others: Sequence[str]) -> list[bool]:
        """Whether the goal is met: against each of the others, or by itself."""
        ours = next(iter(self.samples.values()), [])
        match self.goal:
            case Most(value, percent) if ours:
                return [percentile(ours, percent) <= value]
            case Times(factor):
                ratios = [self.ratio(other) for other in others]
                return [ratio >= factor for ratio in ratios if ratio is not None]
        return []


def comparison(rows: Sequence[Row], names: Sequence[str]) -> list[list[str]]:
    """A table as lists of cells; the first of ``names`` is compared with each of the others."""
    ours, *others = names
    head = ["", ours]
    for other in others:
        head += [other, "ratio"]
    return [[*head, "goal", "met"], *(_cells(row, ours, others) for row in rows)]


def _cells(row: Row, ours: str, others: Sequence[str]) -> list[str]:
    cells = [f"{row.name}, {row.unit}" if row.unit else row.name, _spread(row.samples.get(ours))]
    for other in others:
        ratio = row.ratio(other)
        cells += [_spread(row.samples.get(other)), "" if ratio is None else f"1/{ratio:.3g}"]
    met = ", ".join("yes" if met else "no" for met in row.verdicts(others))
    return [*cells, str(row.goal or ""), met]


def _spread(values: Sequence[float] | None) -> str:
    if not values:
        return "-"
    if len(values) == 1:
        return _number(values[0])
    return f"{_number(percentile(values, 50))} / {_number(percentile(values, 95))}"


def _number(value: float) -> str:
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Aligned, so that it reads on a terminal as well. The first row is the head."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = [
        "| " + " | ".join(_padded(c, w, i) for i, (c, w) in enumerate(zip(r, widths, strict=True)))
        for r in table
    ]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(f"{line} |" for line in (lines[0], "| " + " | ".join(rule), *lines[1:])) + "\n"


def _padded(cell: str, width: int, place: int) -> str:
    return cell.rjust(width) if place else cell.ljust(width)


def replace_section(path: Path, name: str, text: str) -> None:
    """Put ``text`` between the comments ``<!-- begin: name -->`` and ``<!-- end: name -->``.

    Raises:
        ValueError: the file has no such section.
    """
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    whole = path.read_text(encoding="utf-8")
    before, found, rest = whole.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{path} has no section between {begin} and {end}.")
    path.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")


def save_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def machine() -> dict[str, str]:
    """What the figures depend on, in words."""
    memory = psutil.virtual_memory().total / 2**30
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores for this system",
        "memory": f"{memory:.0f} GiB",
        "system": f"{_system()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
    }


def _processor() -> str:
    if sys.platform == "linux":
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
        if model:
            return f"{model[1]} ({platform.machine()})"
    return f"{platform.processor() or 'unknown'} ({platform.machine()})"


def _system() -> str:
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {platform.platform()}"
    except (OSError, KeyError):
        return platform.platform()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not there"


def described(facts: Mapping[str, str]) -> str:
    """As a Markdown list."""
    return "".join(f"- {name}: {text}\n" for name, text in facts.items())
