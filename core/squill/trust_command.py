"""``squill trust``: the list of trusted folders, seen and changed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from squill.errors import SquillError, UsageError
from squill.trust import distrust, is_trusted, read_trust, trust

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, USAGE, TROUBLE = 0, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: done; 2: usage; 3: the list can't be read or written."""
    options = _parser().parse_args(argv)
    try:
        {"list": _list, "add": _add, "remove": _remove}[options.action](options)
    except SquillError as error:
        print(f"squill trust: {error.message}", file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else TROUBLE
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="squill trust",
        description="The folders whose settings and example pairs are used. An untrusted folder "
        "can set style and dialect, no more. Trust covers all folders below.",
    )
    actions = parser.add_subparsers(dest="action", required=True)
    listed = actions.add_parser("list", help="name the trusted folders")
    listed.add_argument("--json", action="store_true", help="one JSON object")
    for name, what in (("add", "trust folders"), ("remove", "stop trusting folders")):
        action = actions.add_parser(name, help=what)
        action.add_argument(
            "folders", nargs="*", type=Path, metavar="DIR", help="(default: this folder)"
        )
    return parser


def _list(options: argparse.Namespace) -> None:
    known = read_trust()
    if options.json:
        print(json.dumps(asdict(known)))
        return
    for folder in known.trusted:
        print(_shown(folder))
    if not known.trusted:
        print("No folder is trusted. `squill trust add` trusts this one.", file=sys.stderr)


def _add(options: argparse.Namespace) -> None:
    folders = _folders(options)
    for folder in folders:
        if not Path(folder).is_dir():
            raise UsageError(f"{_shown(folder)} isn't a folder.")
    for folder in folders:
        trust(folder)
        print(f"trusted: {_shown(folder)}")


def _remove(options: argparse.Namespace) -> None:
    for folder in _folders(options):
        if not distrust(folder):
            print(f"not on the list: {_shown(folder)}", file=sys.stderr)
        else:
            print(f"not trusted any more: {_shown(folder)}")
        if is_trusted(folder):
            print("A folder above it is trusted, and covers it.", file=sys.stderr)


def _folders(options: argparse.Namespace) -> list[str]:
    return [os.path.realpath(folder) for folder in options.folders or [Path.cwd()]]


def _shown(folder: str) -> str:
    """On one line, without the terminal's control characters."""
    return folder if folder.isprintable() else ascii(folder)
