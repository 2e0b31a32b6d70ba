"""``squill repl``: questions to a database, in a terminal."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from squill.errors import SquillError, UsageError
from squill.terminal_text import for_drawing
from squill.trust_prompt import add_trust_option, command_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from squill.settings import Settings
    from squill_terminal.databases import Database
    from squill_terminal.prompt import NameCompleter, Prompt
    from squill_terminal.session import Session

ENDED, USAGE, TROUBLE = 0, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: the user ended it; 2: usage; 3: trouble."""
    options = _parser().parse_args(argv)
    try:
        return _run(options)
    except UsageError as error:
        _say(error.message)
        return USAGE
    except SquillError as error:
        _say(error.message)
        return TROUBLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="squill repl",
        description="Ask a database questions: each is answered by a query, which is run, for "
        "reading only, if you say so.",
    )
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        help="a SQLite or DuckDB file, or one of table definitions "
        "(default: the .sql files of this folder)",
    )
    parser.add_argument("--dialect", default="", help="SQL dialect of definitions")
    parser.add_argument("--rows", type=int, default=100, help="rows shown at most (100)")
    parser.add_argument("--seconds", type=float, default=30.0, help="time for a query (30)")
    add_trust_option(parser)
    return parser


def _say(text: str) -> None:
    print(f"squill repl: {text}", file=sys.stderr)


def _run(options: argparse.Namespace) -> int:
    from rich.console import Console

    folder = Path.cwd()
    settings = command_settings(folder, _say, granted=options.trust)
    database = _open(options, folder, settings)
    try:
        converse(database, options, folder, settings, Console(file=for_drawing(sys.stdout)))
    finally:
        database.close()
    return ENDED


def _open(options: argparse.Namespace, folder: Path, settings: Settings) -> Database:
    from squill.schema_files import schema_texts
    from squill_terminal.databases import open_database

    def folder_text() -> str:
        return "\n".join(schema_texts([], folder, settings.workspace, _say).values())

    return open_database(options.file, folder_text, options.dialect or settings.dialect)


def converse(
    database: Database,
    options: argparse.Namespace,
    folder: Path,
    settings: Settings,
    console: Console,
) -> None:
    """Read and answer lines until the user ends it."""
    from squill.paths import state_directory
    from squill_terminal.asking import ask
    from squill_terminal.databases import Limits
    from squill_terminal.prompt import NameCompleter, Prompt
    from squill_terminal.session import Session

    state_directory().mkdir(parents=True, exist_ok=True)
    prompt = Prompt(console, state_directory() / "repl_history")
    asking = partial(ask, folder=folder, settings=settings)
    limits = Limits(options.rows, options.seconds)
    session = Session(database, prompt, asking, folder, limits)
    tables = database.schema.tables
    names = [t.name for t in tables] + [c.name for t in tables for c in t.columns]
    prompt.show(f"{database.name}: {len(tables)} tables, {database.schema.dialect}. \\help helps.")
    _loop(session, prompt, database.name, NameCompleter(names, session.commands))


def _loop(session: Session, prompt: Prompt, name: str, completer: NameCompleter) -> None:
    while True:
        try:
            if not session.handle(prompt.line(name, completer)):
                return
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
