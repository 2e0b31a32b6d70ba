"""One training: one at a time for each user, told to terminal and editors, and remembered."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from squill.adapters import user_registry
from squill.files import locked, locked_if_free
from squill.paths import runtime_paths
from squill.private import make_private_directory
from squill.training import Training, TrainingHistory, TrainingReport
from squill_trainer.commands.train_progress import DaemonReporter, terminal_progress
from squill_trainer.learning.candidate import Report
from squill_trainer.learning.pacing import Pacer
from squill_trainer.learning.run import Retraining

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from squill.settings import Settings
    from squill_trainer.learning.lora import Step
    from squill_trainer.learning.run import Outcome

_DIGITS = 4
_MOST_LOSSES = 500
_KEPT_ADAPTERS = 20


async def learn(
    workspace: Path,
    settings: Settings,
    say: Callable[[str], None],
    *,
    patient: bool,
    trusted: bool | None = None,
) -> Outcome:
    """Run one training of ``workspace``, an absolute path.

    ``patient``: wait on battery and while others work. ``trusted`` is that of `PairStore`.

    Raises:
        SquillError: what `Retraining.run` raises.
    """
    folder = str(workspace)
    with _alone(say):
        editors = DaemonReporter(folder)
        end = TrainingReport(folder, "gone")
        try:
            outcome = await _run(
                workspace, settings, say, editors, patient=patient, trusted=trusted
            )
            end = TrainingReport(folder, "done", _line(outcome), adapter=_adapter(outcome))
        finally:
            await editors.close(end)
    if outcome.digest is not None:
        await asyncio.to_thread(_remember, workspace, outcome)
    return outcome


def _remember(workspace: Path, outcome: Outcome) -> None:
    """In the workspace's history; of the adapters, the oldest that nobody uses make room."""
    TrainingHistory(workspace).add(_remembered(outcome))
    user_registry().prune(_KEPT_ADAPTERS)


async def _run(
    workspace: Path,
    settings: Settings,
    say: Callable[[str], None],
    editors: DaemonReporter,
    *,
    patient: bool,
    trusted: bool | None,
) -> Outcome:
    def waits(reason: str) -> None:
        say(reason)
        editors.tell("waiting", reason)

    def told(text: str) -> None:
        say(text)
        editors.tell("learning", text)

    pacer = Pacer(
        on_battery=settings.learning.on_battery,
        most_load=settings.learning.most_load,
        report=waits,
        patient=patient,
    )
    with terminal_progress(say) as shown:

        def stepped(step: Step, steps: int) -> None:
            shown(step, steps)
            editors.tell("learning", step=step.number, steps=steps)

        try:
            await pacer.wait()
            report = Report(told, stepped)
            return await Retraining(workspace, settings, pacer, report, trusted=trusted).run()
        finally:
            await pacer.close()


@contextmanager
def _alone(say: Callable[[str], None]) -> Iterator[None]:
    """Two trainings at once would only slow each other down. A dead one holds nothing."""
    lock = make_private_directory(runtime_paths().directory) / "training.lock"
    with locked_if_free(lock) as is_free:
        if is_free:
            yield
            return
    say("waiting for another training to end")
    with locked(lock):
        yield


def _adapter(outcome: Outcome) -> str:
    return outcome.digest if outcome.digest and outcome.promoted else ""


def _line(outcome: Outcome) -> str:
    """What editors show."""
    if outcome.digest is None:
        return outcome.reason
    if not outcome.promoted:
        return f"Nothing learned from {outcome.pairs} pairs: {outcome.reason}"
    name = outcome.digest[:_DIGITS]
    return f"learned {outcome.pairs} pairs: {outcome.before} → {outcome.after}, adapter {name}"


def _remembered(outcome: Outcome) -> Training:
    thinned = outcome.losses[:: len(outcome.losses) // _MOST_LOSSES + 1]
    return Training(
        subject=outcome.subject,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        digest=outcome.digest,
        promoted=outcome.promoted,
        reason=outcome.reason,
        pairs=outcome.pairs,
        before=outcome.before,
        after=outcome.after,
        seconds=round(outcome.seconds, 1),
        losses=tuple(round(loss, 4) for loss in thinned),
    )
