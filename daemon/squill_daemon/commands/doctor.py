"""``squill doctor``: what is wrong, from Python to the editor, and what to do about it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from squill.terminal_text import for_drawing

if TYPE_CHECKING:
    from collections.abc import Sequence

SOUND, FAILED, USAGE = range(3)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: nothing failed, warnings or not; 1: something did; 2: usage."""
    options = _parser().parse_args(argv)
    try:
        folder = options.workspace.resolve() if options.workspace else Path.cwd()
    except FileNotFoundError:
        print("squill doctor: the current folder is gone. Change to another.", file=sys.stderr)
        return USAGE
    if not folder.is_dir():
        print(f"squill doctor: there is no folder {folder}. Correct --workspace.", file=sys.stderr)
        return USAGE
    from squill_daemon.doctor.chain import probes
    from squill_daemon.doctor.probes import run_probes
    from squill_daemon.doctor.rendering import is_ok, to_json, to_text

    findings = run_probes(probes(folder))
    if options.json:
        print(json.dumps(to_json(findings), indent=2, ensure_ascii=False))
    else:
        print(to_text(findings, colour=_in_colour()), file=for_drawing(sys.stdout))
    return SOUND if is_ok(findings) else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="squill doctor",
        description="Look at everything that Squill needs, in one folder: one line each, "
        "with what to do where something is wrong. Starts no daemon and changes nothing.",
    )
    parser.add_argument(
        "--workspace", type=Path, metavar="DIR", help="its folder (default: the current one)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def _in_colour() -> bool:
    """As https://no-color.org asks for."""
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
