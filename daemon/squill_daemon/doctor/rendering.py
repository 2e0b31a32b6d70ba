"""The report as text and as JSON."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

from squill.terminal_text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from squill_daemon.doctor.finding import Finding, Status

    Findings = Sequence[tuple[str, Finding]]

_MARKS: dict[Status, str] = {"ok": "ok  ", "warning": "warn", "failure": "FAIL"}
_COLOURS: dict[Status, int] = {"ok": 32, "warning": 33, "failure": 31}  # of ANSI


def is_ok(findings: Findings) -> bool:
    """Whether nothing failed; warnings do not count."""
    return all(finding.status != "failure" for _, finding in findings)


def to_json(findings: Findings) -> dict[str, Any]:
    checks = [
        {
            "group": group,
            "name": finding.name,
            "status": finding.status,
            "detail": finding.detail,
            "remedy": finding.remedy,
        }
        for group, finding in findings
    ]
    return {"ok": is_ok(findings), "checks": checks}


def to_text(findings: Findings, *, colour: bool) -> str:
    return "\n".join(_lines(findings, colour=colour))


def _lines(findings: Findings, *, colour: bool) -> Iterator[str]:
    width = max((len(finding.name) for _, finding in findings), default=0)
    for group, members in itertools.groupby(findings, key=lambda item: item[0]):
        yield group
        for _, finding in members:
            mark = _mark(finding.status, colour=colour)
            detail, *more = visible(finding.detail).splitlines() or [""]
            yield f"  {mark}  {finding.name:{width}}  {detail}".rstrip()
            for line in (*more, *([visible(finding.remedy)] if finding.remedy else [])):
                yield f"        {'':{width}}  {line}"
    yield _counts(findings)


def _mark(status: Status, *, colour: bool) -> str:
    mark = _MARKS[status]
    return f"\x1b[{_COLOURS[status]}m{mark}\x1b[0m" if colour else mark


def _counts(findings: Findings) -> str:
    counts = Counter(finding.status for _, finding in findings)
    return ", ".join(
        [
            f"{len(findings)} checks: {counts['ok']} ok",
            f"{counts['warning']} warning" + "s" * (counts["warning"] != 1),
            f"{counts['failure']} failure" + "s" * (counts["failure"] != 1),
        ]
    )
