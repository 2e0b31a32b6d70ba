"""``squill train``: learn the example pairs of a workspace, once or whenever there are new ones."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from squill.errors import SquillError, UsageError
from squill.model_files import canonical_model
from squill.paths import runtime_paths
from squill.private import make_private_directory
from squill.settings import restricted_settings
from squill.trust_prompt import add_trust_option, settle_trust
from squill_trainer.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill.settings import Settings
    from squill_trainer.learning.run import Outcome

PROMOTED, REFUSED, USAGE, TROUBLE = range(4)

_DIGITS = 12


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: learned, or nothing is new; 1: the gate refused it; 2: usage; 3: trouble."""
    arguments = sys.argv[1:] if argv is None else argv
    if any(argument.split("=")[0] == "--data" for argument in arguments):
        from squill_trainer.commands.train_data import main as train_on_data

        return train_on_data(arguments)
    options = _parser().parse_args(arguments)
    options.model = canonical_model(options.model, Path.cwd()) if options.model else ""
    try:
        workspace = _workspace(options)
        if options.watch:
            return _watch(options, workspace)
        outcome = _learn(options, workspace)
        _report(options, outcome)
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
    when = parser.add_mutually_exclusive_group(required=True)
    when.add_argument("--once", action="store_true", help="train now, then end")
    when.add_argument(
        "--watch", action="store_true", help="train whenever there are new pairs, until interrupted"
    )
    when.add_argument(
        "--data",
        metavar="PATH",
        help="fine-tune a model on a data set instead: `squill train --data PATH --help`",
    )
    parser.add_argument(
        "--workspace",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the folder with the pairs and the table definitions (default: this one)",
    )
    parser.add_argument(
        "--model", default="", help="the model that is to learn (default: the setting `model`)"
    )
    parser.add_argument(
        "--report",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="DIR",
        help="with --once: draw the curves as report.html and report.png, in the adapter's folder "
        "or in DIR",
    )
    parser.add_argument(
        "--background",
        action="store_true",
        help="with --once: wait while the machine is busy, or runs on its battery",
    )
    add_trust_option(parser)
    parser.add_argument("--restricted", action="store_true", help=argparse.SUPPRESS)
    # What an editor gives: watch for as long as its process lives, unless another trainer does.
    parser.add_argument("--watch-for", type=int, metavar="PID", help=argparse.SUPPRESS)
    parser.add_argument("--editor-settings", default="", metavar="JSON", help=argparse.SUPPRESS)
    return parser


def _workspace(options: argparse.Namespace) -> Path:
    if not options.workspace.is_dir():
        raise UsageError(f"{options.workspace} is no folder. Name one with --workspace DIR.")
    return Path(os.path.normpath(options.workspace.absolute()))


def _watch(options: argparse.Namespace, workspace: Path) -> int:
    from squill_trainer.commands.train_watch import watch
    from squill_trainer.watching.requests import WatchRequest

    pid = options.watch_for or os.getpid()
    trusted = _trusted(options, workspace)
    request = WatchRequest(str(workspace), pid, options.model, options.editor_settings, trusted)
    watch(request, _say)
    return PROMOTED


def _trusted(options: argparse.Namespace, workspace: Path) -> bool | None:
    """What the command line says of the workspace's trust, or its user does when asked."""
    if options.trust or options.restricted:
        return bool(options.trust)
    return True if settle_trust(workspace, restricted_settings(workspace), granted=False) else None


def _take_as_own(workspace: Path, settings: Settings) -> None:
    """Who calls for a training by hand names the workspace's pairs, wherever they came from."""
    from squill.pairs.store import PairStore

    store = PairStore(workspace, settings)
    store.load()
    if count := store.adopt():
        _say(f"{count} pairs that came with {workspace} are learned, since you asked for it")


def _learn(options: argparse.Namespace, workspace: Path) -> Outcome:
    trusted = _trusted(options, workspace)
    settings = read_settings(
        workspace, options.model, options.editor_settings, _say, trusted=trusted
    )
    if trusted is None and not options.background:
        _take_as_own(workspace, settings)
    # mx.compile loads libraries from TMPDIR: a shared /tmp would be a way in.
    os.environ["TMPDIR"] = str(
        make_private_directory(runtime_paths().temporary, "SQUILL_CACHE_DIR")
    )
    from squill.blas import load_blas

    load_blas()  # before anything imports MLX
    from squill_trainer.commands.train_once import learn

    return asyncio.run(
        learn(workspace, settings, _say, patient=options.background, trusted=trusted)
    )


def _report(options: argparse.Namespace, outcome: Outcome) -> None:
    if outcome.digest is None:
        return
    from squill_trainer.commands.train_report import draw, keep_curves

    curves = keep_curves(outcome)
    if options.report is not None:
        for path in draw(outcome, curves, options.report):
            _say(str(path))


def describe(outcome: Outcome) -> str:
    """One line on what a run came to."""
    if outcome.digest is None:
        return outcome.reason
    name = outcome.digest[:_DIGITS]
    if not outcome.promoted:
        return f"adapter {name} is not used: {outcome.reason}"
    return (
        f"learned {outcome.pairs} pairs in {outcome.seconds:.0f} s: {outcome.reason}, "
        f"adapter {name}"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
