"""``squill daemon run|start|stop|restart|status|logs``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.client import DaemonClient, daemon_command
from squill.errors import AlreadyRunningError, DaemonUnavailableError, SquillError
from squill.paths import runtime_paths
from squill.settings import load_settings
from squill_daemon import background
from squill_daemon.instance import holder, wait_until_ended
from squill_daemon.logs import OLD_FILES, readable
from squill_daemon.model_files import canonical_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from squill.settings import Settings
    from squill_daemon.engine import Engine

    EngineFactory = Callable[[Settings], Engine]

STOP_SECONDS = 20
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
    run = actions.add_parser("run", parents=[served], help="serve in the foreground")
    run.add_argument("--detach", action="store_true", help=argparse.SUPPRESS)
    actions.add_parser("start", parents=[served], help="serve in the background")
    actions.add_parser("restart", parents=[served], help="stop, then start")
    actions.add_parser("stop", help="end the daemon")
    status = actions.add_parser("status", help="what it is doing")
    status.add_argument("--json", action="store_true", help="one JSON object")
    logs = actions.add_parser("logs", help="show its log")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as it grows")
    logs.add_argument("--json", action="store_true", help="the lines as they are in the file")
    return parser


def _run(options: argparse.Namespace, make_engine: EngineFactory) -> int:
    match options.action:
        case "run":
            return _serve(options, make_engine)
        case "start":
            return _start(options)
        case "stop":
            return _stop()
        case "restart":
            _stop()
            return _start(options)
        case "status":
            return _status(as_json=options.json)
        case _:
            return _logs(follow=options.follow, raw=options.json)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _serve(options: argparse.Namespace, make_engine: EngineFactory) -> int:
    from squill_daemon import process

    settings = load_settings(options.settings_folder, _say)
    base = options.settings_folder or Path.cwd()
    settings = replace(settings, model=canonical_model(options.model or settings.model, base))

    def report(line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # the starter gave up; others may still ask
            print(line, flush=True)
        if options.detach:
            background.detach()

    try:
        return process.run(settings, lambda: make_engine(settings), report)
    except SquillError as error:
        if not options.detach:
            raise
        report(background.failure_line(error))
        return 0 if isinstance(error, AlreadyRunningError) else TROUBLE


def _start(options: argparse.Namespace) -> int:
    command = [*daemon_command(), "run", "--detach"]
    if options.model:
        command += ["--model", canonical_model(options.model, Path.cwd())]
    if options.settings_folder:
        command += ["--settings-folder", str(options.settings_folder.resolve())]
    outcome = background.start(command)
    _say(f"squill daemon: {outcome}" + (" already" if outcome == "running" else ""))
    return 0


def _stop() -> int:
    paths = runtime_paths()
    pid = holder(paths)
    if pid is None:
        _say("squill daemon: not running")
        return 0
    try:
        with _time_limit(STOP_SECONDS):
            asyncio.run(_call("shutdown"))
            wait_until_ended(paths)
    except (TimeoutError, DaemonUnavailableError):
        # The lock is held, so the process id in it is the daemon's: it hangs.
        os.kill(pid, signal.SIGKILL)
        wait_until_ended(paths)
    _say("squill daemon: stopped")
    return 0


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


async def _call(method: str) -> Any:
    async with await DaemonClient.connect(name="squill daemon") as client:
        return await client.call(method)


def _status(*, as_json: bool) -> int:
    status = asyncio.run(_call("status"))
    if as_json:
        print(json.dumps(status, indent=2))
    else:
        print(_describe(status))
    return 0


def _describe(status: dict[str, Any]) -> str:
    rows = {
        "state": f"{status['state']}: {status['message']}",
        "model": status["model"],
        "adapter": status["adapter"] or "none",
        "device": status["device"],
        "blas": status["blas"],
        "queue": status["queue"],
        "tokens generated": status["tokens_generated"],
        "memory": f"{status['memory_bytes'] / 1e6:.0f} MB",
        "up": f"{status['uptime_s']:.0f} s",
        "process": status["pid"],
        "version": f"{status['version']} (protocol {status['protocol']})",
    }
    shown = {name: value for name, value in rows.items() if value is not None}
    return "\n".join(f"{name:17} {value}" for name, value in shown.items())


def _logs(*, follow: bool, raw: bool) -> int:
    path = runtime_paths().log
    show = str.rstrip if raw else readable
    if follow:
        return _follow(path, show)
    files = [*(path.with_name(f"{path.name}.{n}") for n in range(OLD_FILES, 0, -1)), path]
    found = [file for file in files if file.exists()]
    if not found:
        _say(f"squill daemon: there is no log yet at {path}")
    for file in found:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                print(show(line))
    return 0


def _follow(path: Path, show: Callable[[str], str]) -> int:
    tail = ["tail", "-n", "50", "-F", str(path)]
    with subprocess.Popen(tail, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        with contextlib.suppress(KeyboardInterrupt):
            for line in follower.stdout:
                print(show(line), flush=True)
        follower.terminate()
    return 0
