"""The ``squill`` command: finds the subcommand's entry point and runs it, nothing else.

Each process package contributes its subcommands through the entry-point group
``squill.commands``; only the one that is called is imported.
"""

from __future__ import annotations

import errno
import os
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from squill import __version__
from squill.terminal_text import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Command = Callable[[Sequence[str]], int]

GROUP = "squill.commands"
USAGE_ERROR, TROUBLE = 2, 3
INTERRUPTED, BROKEN_PIPE = 130, 141  # as shells report SIGINT and SIGPIPE

SUMMARIES = {
    "adapters": "what was learned: list it, choose, go back",
    "ask": "write SQL for a question",
    "check": "find statements that do not fit the tables",
    "daemon": "run, start, stop and inspect the model's process",
    "dataset": "write WikiSQL or Spider as training files",
    "doctor": "look at the whole chain and say what is wrong",
    "eval": "measure how often a model is right",
    "logs": "show the log of the model's process",
    "lsp": "run the language server on standard input and output",
    "model": "choose, fetch and look at models",
    "pairs": "the example pairs that Squill learns from",
    "pretrain": "train the embedded model from scratch",
    "repl": "ask a database questions, in a terminal",
    "status": "what the model's process is doing",
    "train": "learn the example pairs of a workspace",
    "trust": "the folders whose settings and example pairs are used",
}


def commands() -> dict[str, EntryPoint]:
    """All subcommands by name; imports none of them."""
    return {point.name: point for point in entry_points(group=GROUP)}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand and returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if arguments else USAGE_ERROR
    if arguments[0] in ("-V", "--version"):
        print(f"squill {__version__}")
        return 0
    point = commands().get(arguments[0])
    if point is None:
        print(f"squill: there is no command {arguments[0]!r}.\n\n{_help()}", file=sys.stderr)
        return USAGE_ERROR
    command: Command = point.load()
    with guarded():
        return _run(command, arguments[1:])


def _run(command: Command, arguments: Sequence[str]) -> int:
    try:
        code = command(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return BROKEN_PIPE
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_output()
        print("squill: the output cannot be written: the disk is full.", file=sys.stderr)
        return TROUBLE
    return code


def _discard_output() -> None:
    """Python flushes once more at its end, and would complain there."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _help() -> str:
    lines = [f"  {name:<10}{SUMMARIES.get(name, '')}".rstrip() for name in sorted(commands())]
    return "\n".join(
        [
            "usage: squill COMMAND [OPTIONS]",
            "",
            "Writes SQL from plain language, on your own machine.",
            "",
            *lines,
            "",
            "`squill COMMAND --help` tells more of each; `squill --version` the version.",
        ]
    )
