"""Courses that were measured, in a file: a run that was ended goes on with what is missing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from figures import save_json
from learning_figures import Course, Step
from learning_measure import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def save(courses: Sequence[Course], path: Path, about: Mapping[str, Any]) -> None:
    """``about``: what they were measured with; courses of anything else are never taken up."""
    save_json(path, {"about": dict(about), "courses": [asdict(course) for course in courses]})


def load(path: Path, about: Mapping[str, Any]) -> list[Course]:
    """Those that were measured with just that; none where there is no file."""
    if not path.exists():
        return []
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["about"] != about:
        return []
    return [Course(row["name"], tuple(map(_step, row["steps"]))) for row in content["courses"]]


def _step(row: dict[str, Any]) -> Step:
    verdicts = tuple(Verdict(**verdict) for verdict in row.pop("verdicts"))
    return Step(**row, verdicts=verdicts)
