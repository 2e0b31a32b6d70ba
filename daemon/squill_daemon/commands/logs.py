"""``squill logs``: the daemon's log, for a person or as it is in the file."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from squill.errors import SquillError
from squill.paths import runtime_paths
from squill_daemon.logs import follow, last_lines, readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

TROUBLE = 3
FOLLOWED_LINES = 50
_PAUSE_SECONDS = 0.2


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: shown; 2: usage; 3: the log cannot be read."""
    parser = argparse.ArgumentParser(prog="squill logs", description="Show the daemon's log.")
    add_options(parser)
    return show_logs(parser.parse_args(argv))


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--follow", action="store_true", help="go on as it grows")
    parser.add_argument("--json", action="store_true", help="the lines as they are in the file")
    parser.add_argument(
        "-n",
        "--lines",
        type=_line_count,
        metavar="N",
        help=f"the last N lines (default: all of them; with -f {FOLLOWED_LINES})",
    )


def _line_count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError("a number of lines is 0 or more")
    return count


def show_logs(options: argparse.Namespace) -> int:
    path = runtime_paths().log
    if not path.exists():
        print(f"squill logs: there is no log yet at {path}", file=sys.stderr)
    show = str.rstrip if options.json else readable
    try:
        for line in _lines(path, options):
            print(show(line), flush=options.follow)
    except SquillError as error:
        print(f"squill logs: {error.message}", file=sys.stderr)
        return TROUBLE
    except KeyboardInterrupt:
        if not options.follow:  # there, it is how this ends
            raise
    return 0


def _lines(path: Path, options: argparse.Namespace) -> Iterator[str]:
    count: int | None = options.lines
    try:
        if options.follow:
            count = FOLLOWED_LINES if count is None else count
            yield from follow(path, count, lambda: time.sleep(_PAUSE_SECONDS))
        else:
            yield from last_lines(path, count)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SquillError(
            f"{path} cannot be read ({reason}). It is the daemon's log: correct who may read it."
        ) from error
