"""``squill pairs``: the example pairs of a workspace, seen and changed by hand."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from squill.errors import SquillError, UsageError
from squill.files import replace_file
from squill.settings import load_settings, restricted_settings
from squill.terminal_text import visible_line
from squill.trust_prompt import add_trust_option, settle_trust

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from squill.pairs.pair import Pair, Pairs
    from squill.pairs.store import PairStore

DONE, REFUSED, USAGE, TROUBLE = range(4)


@dataclass(frozen=True, slots=True)
class _Workspace:
    folder: Path
    store: PairStore
    pairs: Pairs


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: done; 1: a pair does not fit the workspace; 2: usage; 3: trouble with files."""
    options = _parser().parse_args(argv)
    actions = {
        "add": _add,
        "list": _list,
        "show": _show,
        "forget": _forget,
        "import": _import,
        "export": _export,
    }
    try:
        return actions[options.action](options, _workspace(options))
    except UsageError as error:
        _say(f"squill pairs: {error.message}")
        return USAGE
    except SquillError as error:
        _say(f"squill pairs: {error.message}")
        return TROUBLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="squill pairs",
        description="Questions with the SQL that answers them: what Squill learns from.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--workspace",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the folder with the table definitions (default: this one)",
    )
    add_trust_option(common)
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", parents=[common], help="keep one pair")
    add.add_argument("--question", required=True, metavar="Q")
    add.add_argument("--sql", required=True, metavar="S", help="one statement")
    add.add_argument("--dialect", default="", help="SQL dialect (default: the workspace's)")
    listed = actions.add_parser("list", parents=[common], help="name all pairs, one a line")
    listed.add_argument("--json", action="store_true", help="one JSON object with everything")
    listed.add_argument(
        "--set-aside", action="store_true", help="those that are not learned from, and why"
    )
    show = actions.add_parser("show", parents=[common], help="everything about one pair")
    show.add_argument("digest", help="the first digits are enough")
    forget = actions.add_parser("forget", parents=[common], help="learn from a pair no longer")
    forget.add_argument("digests", nargs="+", metavar="DIGEST", help="the first digits are enough")
    brought = actions.add_parser("import", parents=[common], help="keep the pairs of other files")
    brought.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help=".sql, else JSON lines"
    )
    export = actions.add_parser("export", parents=[common], help="write the pairs as JSON lines")
    export.add_argument("file", nargs="?", type=Path, metavar="FILE")
    export.add_argument(
        "--with-schema", action="store_true", help="each with its tables, to be used elsewhere"
    )
    return parser


def _workspace(options: argparse.Namespace) -> _Workspace:
    from squill.pairs.store import PairStore

    folder: Path = options.workspace
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder. Name one with --workspace DIR.")
    folder = folder.absolute()
    trusted = settle_trust(folder, restricted_settings(folder), granted=options.trust)
    store = PairStore(folder, load_settings(folder, _say, trusted=trusted), trusted=trusted)
    return _Workspace(folder, store, store.load())


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _add(options: argparse.Namespace, workspace: _Workspace) -> int:
    from squill.dialects import require_dialect
    from squill.pairs.pair import SetAside
    from squill_trainer.commands.pairs_output import short

    dialect = require_dialect(options.dialect) if options.dialect else ""
    checked = workspace.store.check(options.question, options.sql, dialect)
    if isinstance(checked, SetAside):
        _say(f"squill pairs: not kept. {checked.reason}")
        return REFUSED
    if checked.digest in {pair.digest for pair in workspace.pairs.usable}:
        print(f"{short(checked)}  is there already")
        return DONE
    workspace.store.accept([checked])
    print(f"{short(checked)}  kept")
    for conflict in workspace.store.load().conflicts:
        if conflict.used.digest == checked.digest:
            _say(f"It replaces {short(conflict.pair)} ({conflict.pair.origin}):")
            _say(f"  {visible_line(conflict.pair.sql)}")
        elif conflict.pair.digest == checked.digest:
            _say(f"{short(conflict.used)} ({conflict.used.origin}) is newer and is used instead.")
    return DONE


def _list(options: argparse.Namespace, workspace: _Workspace) -> int:
    from squill_trainer.commands import pairs_output

    if options.json:
        print(pairs_output.as_json(workspace.pairs))
        return DONE
    unused = options.set_aside
    lines = pairs_output.unused_lines if unused else pairs_output.usable_lines
    for line in lines(workspace.pairs):
        print(line)
    _say(pairs_output.counts(workspace.pairs))
    return DONE


def _show(options: argparse.Namespace, workspace: _Workspace) -> int:
    from squill_trainer.commands.pairs_output import details

    print(details(_find(options.digest, workspace.pairs), workspace.pairs))
    return DONE


def _forget(options: argparse.Namespace, workspace: _Workspace) -> int:
    from squill_trainer.commands.pairs_output import short

    named = [_find(digest, workspace.pairs) for digest in options.digests]
    digests = {same for pair in named for same in _family(pair, workspace.pairs)}
    _, hidden = workspace.store.forget(digests)
    for pair in named:
        print(f"{short(pair)}  forgotten: {visible_line(pair.question)}")
    for pair in hidden:
        _say(
            f"{pair.origin} stays as it is, since that file is your own; "
            ".squill/forgotten.jsonl hides the pair."
        )
    before = {pair.digest for pair in workspace.pairs.usable}
    for pair in workspace.store.load().usable:
        if pair.digest not in before:
            _say(f"{short(pair)} ({pair.origin}) is used instead, for the same question.")
    return DONE


def _find(digest: str, pairs: Pairs) -> Pair:
    """The pair whose digest starts so; one that is used before one that is not."""
    start = digest.strip().lower()
    if len(start) < 4:
        raise UsageError(f"{digest!r} is too short: give four digits of the digest, or more.")
    found = {pair.digest: pair for pair in _all(pairs) if pair.digest.startswith(start)}
    if len(found) > 1:
        raise UsageError(f"{digest!r} is the start of {len(found)} digests. Give more digits.")
    if not found:
        raise UsageError(f"There is no pair {digest!r}. `squill pairs list` names them all.")
    return next(iter(found.values()))


def _all(pairs: Pairs) -> Iterable[Pair]:
    yield from (aside.pair for aside in pairs.set_aside if aside.pair)
    yield from (overruled.pair for overruled in (*pairs.conflicts, *pairs.duplicates))
    yield from pairs.usable


def _family(pair: Pair, pairs: Pairs) -> set[str]:
    """The digests of all that say the same as ``pair``."""
    used = {
        o.used.digest for o in pairs.duplicates if pair.digest in (o.pair.digest, o.used.digest)
    }
    same = {o.pair.digest for o in pairs.duplicates if o.used.digest in used}
    return {pair.digest} | used | same


def _import(options: argparse.Namespace, workspace: _Workspace) -> int:
    contents = [workspace.store.read(path) for path in options.files]
    forgotten = {pair.digest for pair in workspace.pairs.forgotten}
    known = {pair.digest for pair in _all(workspace.pairs)}
    new: dict[str, Pair] = {}
    skipped = {"there already": 0, "forgotten before": 0, "set aside": 0}
    for content in contents:
        for aside in content.set_aside:
            _say(f"{aside.origin}: {aside.reason}")
            skipped["set aside"] += 1
        for found in content.found:
            if found.pair.digest in forgotten:
                skipped["forgotten before"] += 1
            elif found.pair.digest in known or found.pair.digest in new:
                skipped["there already"] += 1
            else:
                new[found.pair.digest] = found.pair
    workspace.store.accept(new.values())
    told = [f"{count} {what}" for what, count in skipped.items() if count]
    print("; ".join([f"{len(new)} kept", *told]))
    return REFUSED if skipped["set aside"] else DONE


def _export(options: argparse.Namespace, workspace: _Workspace) -> int:
    from squill.pairs.exchange import pair_line

    pairs = workspace.pairs
    lines = b"".join(
        pair_line(pair, workspace=pairs.schema_of(pair) if options.with_schema else None)
        for pair in pairs.usable
    )
    if options.file is None:
        sys.stdout.buffer.write(lines)
        return DONE
    try:
        _write(options.file, lines)
    except OSError as error:
        raise UsageError(f"{options.file}: {error.strerror}. Name another file.") from error
    _say(f"{len(pairs.usable)} pairs written to {options.file}")
    return DONE


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, but into a pipe or a device as they take it."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)
    else:
        replace_file(path.resolve(), data)
