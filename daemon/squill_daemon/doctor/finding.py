"""What one check found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from squill.errors import SquillError

Status = Literal["ok", "warning", "failure"]

# Our messages say what happened, then what to do: at least one sentence each.
_SENTENCE_END = re.compile(r"(?<=[.)]) (?=[A-Z`])")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. ``remedy`` is what to do; empty where nothing is wrong."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


def ok(name: str, detail: str) -> Finding:
    return Finding(name, "ok", detail)


def warning(name: str, detail: str, remedy: str) -> Finding:
    """It works, but not as well as it could, or something was left out."""
    return Finding(name, "warning", detail, remedy)


def failure(name: str, detail: str, remedy: str) -> Finding:
    """Squill does not work with this."""
    return Finding(name, "failure", detail, remedy)


def failure_of(name: str, error: SquillError) -> Finding:
    """The error's own message, which says what to do as well."""
    return failure(name, *happened_and_to_do(error.message))


def warning_of(name: str, error: SquillError) -> Finding:
    return warning(name, *happened_and_to_do(error.message))


def happened_and_to_do(message: str) -> tuple[str, str]:
    """The first sentence, and the rest."""
    happened, *rest = _SENTENCE_END.split(message, maxsplit=1)
    return happened, " ".join(rest) or "`squill logs` may tell more."
