"""``squill train --once``: learn the example pairs of a workspace."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from squill.errors import SquillError, UsageError
from squill.paths import runtime_paths
from squill.private import make_private_directory
from squill.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill.settings import Settings
    from squill_trainer.learning.lora import Step
    from squill_trainer.learning.run import Outcome

PROMOTED, REFUSED, USAGE, TROUBLE = range(4)

_LINE_SECONDS = 5.0


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: learned, or nothing is new; 1: the gate refused it; 2: usage; 3: trouble."""
    options = _parser().parse_args(argv)
    try:
        outcome = _learn(options)
    except UsageError as error:
        _say(f"squill train: {error.message}")
        return USAGE
    except SquillError as error:
        _say(f"squill train: {error.message}")
        return TROUBLE
    print(describe(outcome))
    return REFUSED if outcome.digest and not outcome.promoted else PROMOTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="squill train",
        description="Learn a workspace's example pairs. What is learned is used only if it is "
        "better than what is in use.",
    )
    parser.add_argument("--once", action="store_true", required=True, help="train now, then end")
    parser.add_argument(
        "--workspace",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the folder with the pairs and the table definitions (default: this one)",
    )
    return parser


def _learn(options: argparse.Namespace) -> Outcome:
    if not options.workspace.is_dir():
        raise UsageError(f"{options.workspace} is no folder. Name one with --workspace DIR.")
    settings = load_settings(options.workspace, _say)
    # mx.compile loads libraries from TMPDIR: a shared /tmp would be a way in.
    os.environ["TMPDIR"] = str(make_private_directory(runtime_paths().temporary))
    from squill.blas import load_blas

    load_blas()  # before anything imports MLX
    from squill_trainer.learning.pacing import lower_priority

    lower_priority()
    return asyncio.run(_run(options.workspace, settings))


async def _run(workspace: Path, settings: Settings) -> Outcome:
    from squill_trainer.learning.pacing import Pacer
    from squill_trainer.learning.run import Report, Retraining

    pacer = Pacer(
        on_battery=settings.learning.on_battery,
        most_load=settings.learning.most_load,
        report=_say,
        patient=False,
    )
    report = Report(_say, Progress())
    try:
        return await Retraining(workspace, settings, pacer, report).run()
    finally:
        await pacer.close()


class Progress:
    """A line that is written over on a terminal, else a line now and then."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, step: Step, steps: int) -> None:
        text = f"step {step.number}/{steps}  loss {step.loss:.3f}"
        if sys.stderr.isatty():
            end = "\n" if step.number == steps else ""
            print(f"\r{text}\x1b[K", end=end, file=sys.stderr, flush=True)
        elif step.number == steps or time.monotonic() - self._told > _LINE_SECONDS:
            self._told = time.monotonic()
            _say(text)


def describe(outcome: Outcome) -> str:
    """One line on what a run came to."""
    if outcome.digest is None:
        return outcome.reason
    name = outcome.digest[:12]
    if not outcome.promoted:
        return f"adapter {name} is not used: {outcome.reason}"
    return (
        f"learned {outcome.pairs} pairs in {outcome.seconds:.0f} s: {outcome.reason}, "
        f"adapter {name}"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr)
