"""Runs checks side by side. One that raises or hangs becomes a line of the report."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from squill.errors import SquillError
from squill_daemon.doctor.finding import Finding, failure, failure_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Probe:
    """A group of checks, ``name`` for when it cannot say a thing, and its time limit."""

    group: str
    name: str
    check: Callable[[], Iterable[Finding]]
    seconds: float = 15.0


def run_probes(probes: Sequence[Probe]) -> list[tuple[str, Finding]]:
    """Group and finding of everything that was found, in the order of ``probes``."""
    running = [_Running(probe) for probe in probes]
    return [(run.probe.group, finding) for run in running for finding in run.findings()]


@dataclass
class _Running:
    probe: Probe
    _found: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.probe.seconds
        # A check that hangs in the kernel must not keep the command from ending.
        self._thread = threading.Thread(target=self._run, name=self.probe.name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found.extend(self.probe.check())
        except SquillError as error:
            self._found.append(failure_of(self.probe.name, error))
        except Exception as error:  # noqa: BLE001 (the report says so; the other checks go on)
            self._found.append(
                failure(
                    self.probe.name,
                    f"the check itself failed: {type(error).__name__}: {error}",
                    "Correct that; if it makes no sense, report it with this line.",
                )
            )

    def findings(self) -> list[Finding]:
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        found = list(self._found)
        if self._thread.is_alive():
            found.append(
                failure(
                    self.probe.name,
                    f"the check did not end within {self.probe.seconds:.0f} s",
                    "See whether the machine is overloaded, or a disk or network drive hangs.",
                )
            )
        return found
