"""Trust on the command line: ``--trust``, and one question on a terminal."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from squill.settings import Settings, load_settings, restricted_settings
from squill.trust import decline, is_declined, is_trusted, trust

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Say = Callable[[str], None]


def add_trust_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust",
        action="store_true",
        help="trust this folder for this command alone; `squill trust add` trusts it for good",
    )


def command_settings(folder: Path, say: Say, *, granted: bool) -> Settings:
    """The settings for a command in ``folder``, whose user may be asked for trust before.

    ``granted``: the command has ``--trust``.
    """
    trusted = settle_trust(folder, restricted_settings(folder), granted=granted)
    return load_settings(folder, say, trusted=trusted)


def settle_trust(folder: Path, needs: Sequence[str], *, granted: bool) -> bool:
    """Whether ``folder`` is trusted. ``needs`` names what in it needs that.

    Where something does, a user at a terminal is asked, once for each folder: the answer is kept.

    Raises:
        SquillError: the answer can't be kept.
    """
    if granted or is_trusted(folder):
        return True
    if not needs or not _at_terminal() or is_declined(folder):
        return False
    print(
        f"{_shown(folder)} isn't trusted, so these are left out: {', '.join(needs)}.\n"
        "They can choose what runs on this machine. Trust the folder, and all below it? [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    answer = sys.stdin.readline()
    if answer.strip().casefold() in ("y", "yes"):
        trust(folder)
        return True
    if answer:
        decline(folder)
        again = shlex.quote(str(folder))
        print(f"You won't be asked again; `squill trust add {again}` trusts it.", file=sys.stderr)
    return False


def _at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _shown(folder: Path) -> str:
    text = str(folder)
    return text if text.isprintable() else ascii(text)
