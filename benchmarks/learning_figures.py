"""What the learning benchmark measured, as a table and against its goals."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from figures import markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from learning_measure import Verdict

MOST_BEFORE = 0.20
LEAST_AFTER = 0.70
MOST_LOST = 0.02
MOST_SECONDS = 180.0


@dataclass(frozen=True)
class Step:
    """One business after ``pairs`` pairs. Shares are from 0 to 1; ``adapter`` "" is the base.

    ``seconds`` is the whole retraining, gate and start of the process included; None before any.
    ``cpu_seconds`` is what it took of the processor, the daemon's answers to the gate included.
    ``canary`` is about other tables, ``plain`` about the business's own, without house words.
    """

    pairs: int
    adapter: str
    unseen: float
    canary: float
    plain: float
    seconds: float | None
    cpu_seconds: float | None = None
    said: str = ""
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True)
class Course:
    """A business's steps, in order; the first is before any pair."""

    name: str
    steps: tuple[Step, ...]


def table(courses: Sequence[Course]) -> str:
    """In percent, Markdown; the last row is the mean over businesses."""
    sizes = [step.pairs for step in courses[0].steps]
    head = ["held-out accuracy, %", "before", *(f"{size} pairs" for size in sizes[1:])]
    head += ["canary before", "after", "plain before", "after", "longest training, s", "CPU, s"]
    rows = [_row(course.name, [course]) for course in courses]
    if len(courses) > 1:
        rows.append(_row("mean", courses))
    return markdown([head, *rows])


def _row(name: str, courses: Sequence[Course]) -> list[str]:
    steps = range(len(courses[0].steps))
    cells = [_percent(mean(courses, i, lambda step: step.unseen)) for i in steps]
    for kind in (_canary, _plain):
        cells += [_percent(mean(courses, i, kind)) for i in (0, -1)]
    return [name, *cells, _seconds(longest(courses)), _seconds(most_cpu(courses))]


def _seconds(found: float | None) -> str:
    return "-" if found is None else f"{found:.0f}"


def _canary(step: Step) -> float:
    return step.canary


def _plain(step: Step) -> float:
    return step.plain


def _percent(part: float) -> str:
    return f"{100 * part:.1f}"


def mean(courses: Sequence[Course], step: int, figure: Callable[[Step], float]) -> float:
    """Of one figure over the businesses, each counting the same."""
    return fmean(figure(course.steps[step]) for course in courses)


def longest(courses: Sequence[Course]) -> float | None:
    """Seconds of the longest retraining, None where there was none."""
    found = [step.seconds for course in courses for step in course.steps]
    return max((seconds for seconds in found if seconds is not None), default=None)


def most_cpu(courses: Sequence[Course]) -> float | None:
    """CPU seconds of the costliest retraining, None where there was none."""
    found = [step.cpu_seconds for course in courses for step in course.steps]
    return max((seconds for seconds in found if seconds is not None), default=None)


def goals(courses: Sequence[Course]) -> list[tuple[str, bool]]:
    """Each goal in words with its figure, and whether it is met; means over the businesses."""
    before = mean(courses, 0, lambda step: step.unseen)
    found = [(f"before: {_percent(before)} % (at most {MOST_BEFORE:.0%})", before <= MOST_BEFORE)]
    seconds = longest(courses)
    if seconds is None:
        return found
    after = mean(courses, -1, lambda step: step.unseen)
    lost = mean(courses, 0, _canary) - mean(courses, -1, _canary)
    size = courses[0].steps[-1].pairs
    return [
        *found,
        (f"{size} pairs: {_percent(after)} % (at least {LEAST_AFTER:.0%})", after >= LEAST_AFTER),
        (f"canary lost: {100 * lost:.1f} points (at most {100 * MOST_LOST:g})", lost <= MOST_LOST),
        (
            f"longest retraining: {seconds:.0f} s (at most {MOST_SECONDS:.0f})",
            seconds <= MOST_SECONDS,
        ),
    ]
