"""``squill daemon run|start|stop|restart|status|logs``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from squill.client import DaemonClient, daemon_command
from squill.errors import (
    AlreadyRunningError,
    DaemonError,
    DaemonUnavailableError,
    ModelTooLargeError,
    SquillError,
)
from squill.model_choice import ModelChoice, model_choice
from squill.model_files import canonical_model, check_files, model_folder
from squill.paths import runtime_paths
from squill.settings import load_settings
from squill_daemon import background
from squill_daemon.commands.logs import add_options as add_log_options
from squill_daemon.commands.logs import show_logs
from squill_daemon.commands.status import add_options as add_status_options
from squill_daemon.commands.status import show_status
from squill_daemon.instance import holder, wait_until_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from squill.paths import RuntimePaths
    from squill.settings import Settings
    from squill_daemon.engine import Engine

    EngineFactory = Callable[[Settings], Engine]

STOP_SECONDS = 20
DRAIN_SECONDS = 60
"""For the requests that a daemon has taken, before it is killed."""
TROUBLE = 3


def default_engine(settings: Settings) -> Engine:
    """The real engine; MLX is imported when the model thread loads the model."""
    from squill_daemon.answerer import make_answerer

    return make_answerer(settings)


def main(argv: Sequence[str] | None = None, make_engine: EngineFactory = default_engine) -> int:
    """Exit code 0: done; 2: usage; 3: no daemon, or it could not be started or stopped."""
    options = _parser().parse_args(argv)
    try:
        return _run(options, make_engine)
    except SquillError as error:
        print(f"squill daemon: {error.message}", file=sys.stderr)
        return TROUBLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="squill daemon", description="The process that holds the model. One per user."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    served = argparse.ArgumentParser(add_help=False)
    served.add_argument("--model", default="", help="path or hub id of an mlx-lm model")
    served.add_argument(
        "--settings-folder",
        type=Path,
        help="workspace whose squill.toml or pyproject.toml counts, beside the user's own",
    )
    # What a front end gives: the workspace whose settings name the model.
    served.add_argument("--named-by", default="", help=argparse.SUPPRESS)
    run = actions.add_parser("run", parents=[served], help="serve in the foreground")
    run.add_argument("--detach", action="store_true", help=argparse.SUPPRESS)
    started = argparse.ArgumentParser(add_help=False, parents=[served])
    started.add_argument(
        "--no-wait",
        dest="wait",
        action="store_false",
        help="return as soon as it takes requests, while it loads the model",
    )
    actions.add_parser("start", parents=[started], help="serve in the background")
    actions.add_parser("restart", parents=[started], help="answer what was asked, stop, then start")
    actions.add_parser("stop", help="end the daemon")
    status = actions.add_parser("status", help="what it is doing; the same as `squill status`")
    add_status_options(status)
    logs = actions.add_parser("logs", help="show its log; the same as `squill logs`")
    add_log_options(logs)
    return parser


def _run(options: argparse.Namespace, make_engine: EngineFactory) -> int:
    match options.action:
        case "run":
            return _serve(options, make_engine)
        case "start":
            return _start(options, _asked_model(options))
        case "stop":
            return _stop()
        case "restart":
            model = _asked_model(options)
            _stop(drain=True)
            return _start(options, model)
        case "status":
            return show_status(as_json=options.json)
        case _:
            return show_logs(options)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # it has been removed
        return Path("/")


def _serve(options: argparse.Namespace, make_engine: EngineFactory) -> int:
    settings = load_settings(options.settings_folder, _say)
    choice = _choice(options, settings)
    settings = replace(settings, model=choice.name)

    def report(line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # the starter gave up; others may still ask
            print(line, flush=True)
        if options.detach:
            background.detach()

    if sys.stderr is not None:  # the starter may have closed it
        faulthandler.enable()  # should a library crash, standard error says where
    try:
        return _run_process(settings, choice, make_engine, report)
    except SquillError as error:
        if not options.detach:
            raise
        report(background.failure_line(error))
        return 0 if isinstance(error, AlreadyRunningError) else TROUBLE


def _choice(options: argparse.Namespace, settings: Settings) -> ModelChoice:
    """What ``--model`` names, for all workspaces but where a front end says for which; else what
    the settings do."""
    if options.model:
        base = options.settings_folder or _working_folder()
        return ModelChoice(canonical_model(options.model, base), options.named_by)
    return model_choice(settings, options.settings_folder)


def _run_process(
    settings: Settings,
    choice: ModelChoice,
    make_engine: EngineFactory,
    report: Callable[[str], None],
) -> int:
    from squill_daemon import process

    try:
        return process.run(settings, choice, lambda: make_engine(settings), report)
    except OSError as error:
        raise DaemonError(
            f"The daemon failed: {error}. Correct that; `squill doctor` looks at the whole chain."
        ) from error


def _asked_model(options: argparse.Namespace) -> str:
    """What ``--model`` names, in the spelling of all processes; empty where it is not given.

    A folder that no daemon could load is refused, before the one that runs is stopped for it.

    Raises:
        ModelError: there is no such folder, or it is not a model's.
    """
    model = canonical_model(options.model, Path.cwd()) if options.model else ""
    if Path(model).is_absolute():
        with contextlib.suppress(ModelTooLargeError):  # the one that runs may hold that memory
            check_files(model_folder(model), as_float32=False)
    return model


def _start(options: argparse.Namespace, model: str) -> int:
    command = [*daemon_command(), "run", "--detach"]
    if model:
        command += ModelChoice(model, options.named_by).options
    if options.settings_folder:
        command += ["--settings-folder", str(options.settings_folder.resolve())]
    outcome = background.start(command)
    _say(f"squill daemon: {outcome}" + (" already" if outcome == "running" else ""))
    return _report_loaded(model) if options.wait else 0


def _report_loaded(wanted: str) -> int:
    """Follow the loading, and say what came of it. ``wanted``: the model that was asked for."""
    status = asyncio.run(background.until_loaded(lambda text: _say(f"squill daemon: {text}")))
    state, served = status["state"], status["model"]
    if wanted and served != wanted:
        raise DaemonUnavailableError(
            f"The daemon that runs serves {served}, not {wanted}. "
            f"Run `squill daemon restart --model {wanted}`."
        )
    if state == "ready":
        _say(f"squill daemon: ready: {served} on {status['device']}")
        return 0
    if state == "loading":
        _say("squill daemon: still loading, and goes on; `squill status` tells when it is done")
        return 0
    if state == "idle":
        _say(f"squill daemon: {status['message']}")
        return 0
    _say(f"squill daemon: it runs, but without a model: {status['message']}")
    return TROUBLE


def _stop(*, drain: bool = False) -> int:
    """End the daemon; with ``drain``, once it has answered the requests it has taken."""
    paths = runtime_paths()
    pid = holder(paths)
    if pid is None:
        _say("squill daemon: not running")
        return 0
    try:
        with _time_limit(DRAIN_SECONDS if drain else STOP_SECONDS):
            asyncio.run(_shut_down(drain=drain))
            wait_until_ended(paths)
    except (TimeoutError, DaemonUnavailableError):
        _end(pid, paths)
    else:
        _say("squill daemon: stopped")
    return 0


def _end(pid: int, paths: RuntimePaths) -> None:
    """End a daemon that hangs, or takes no client more; ``pid`` comes from the lock that it holds.

    It is asked by a signal first: where it does not hang, it answers what it has taken.
    """
    try:
        with _time_limit(STOP_SECONDS):
            os.kill(pid, signal.SIGTERM)
            wait_until_ended(paths)
        _say("squill daemon: stopped")
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        wait_until_ended(paths)
        _say("squill daemon: it did not end by itself and was killed")


@contextlib.contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    """Raise `TimeoutError` after ``seconds``, out of a blocking system call too."""

    def expire(_: int, __: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


async def _shut_down(*, drain: bool) -> None:
    async with await DaemonClient.connect(name="squill daemon") as client:
        with contextlib.suppress(DaemonUnavailableError):  # it has ended the connection: it ends
            await client.call("shutdown", {"drain": drain})
