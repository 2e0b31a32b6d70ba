"""``squill adapters``: what was learned, listed, chosen, taken back."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.adapters import adapter_digest, user_registry
from squill.client import DaemonClient
from squill.errors import AdapterError, DaemonUnavailableError, SquillError, UsageError
from squill.model_files import content_digest, model_folder
from squill.settings import load_settings
from squill_trainer.commands.adapters_files import add_actions
from squill_trainer.commands.adapters_output import (
    details,
    difference,
    difference_lines,
    line,
    short,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from squill.adapters import AdapterCard, AdapterRegistry

DONE, _, USAGE, TROUBLE = range(4)

_NONE = "none"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: done; 2: usage, no such adapter included; 3: trouble with an adapter."""
    parser, files = _parser()
    options = parser.parse_args(argv)
    actions = {
        **files,
        "list": _list,
        "show": _show,
        "diff": _diff,
        "activate": _activate,
        "rollback": _rollback,
        "prune": _prune,
    }
    try:
        actions[options.action](options)
    except UsageError as error:
        print(f"squill adapters: {error.message}", file=sys.stderr)
        return USAGE
    except SquillError as error:
        print(f"squill adapters: {error.message}", file=sys.stderr)
        return TROUBLE
    return DONE


def _parser() -> tuple[argparse.ArgumentParser, Mapping[str, Callable[[argparse.Namespace], None]]]:
    """The parser, and what carries out those of its actions that are other modules'."""
    parser = argparse.ArgumentParser(
        prog="squill adapters", description="What was learned from example pairs."
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--workspace",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the folder whose adapter is meant (default: this one)",
    )
    actions = parser.add_subparsers(dest="action", required=True)
    listed = actions.add_parser("list", parents=[common], help="name all, newest first")
    listed.add_argument("--json", action="store_true", help="one JSON object with everything")
    show = actions.add_parser("show", parents=[common], help="all about one adapter")
    show.add_argument(
        "digest", nargs="?", help="the first digits are enough (default: the one in use)"
    )
    show.add_argument("--json", action="store_true", help="its card, as JSON")
    diff = actions.add_parser("diff", parents=[common], help="what two adapters differ in")
    diff.add_argument("old", help="the first digits are enough")
    diff.add_argument("new", nargs="?", help="default: the one in use")
    diff.add_argument("--json", action="store_true", help="one JSON object with everything")
    activate = actions.add_parser("activate", parents=[common], help="use an adapter")
    activate.add_argument("digest", help=f"the first digits are enough; {_NONE!r} for the model")
    actions.add_parser("rollback", parents=[common], help="go back to what was used before")
    prune = actions.add_parser("prune", help="remove old adapters that nobody uses")
    prune.add_argument("--keep", type=int, default=10, metavar="N", help="the newest (default: 10)")
    return parser, add_actions(actions)


def _workspace(options: argparse.Namespace) -> str:
    return str(os.path.normpath(options.workspace.absolute()))


def _list(options: argparse.Namespace) -> None:
    registry = user_registry()
    active = registry.active(_workspace(options))
    cards = registry.cards()
    for problem in registry.damaged():
        print(f"squill adapters: {problem.message}", file=sys.stderr)
    if options.json:
        print(json.dumps({"active": active, "adapters": [card.to_wire() for card in cards]}))
        return
    if not cards:
        print("No adapter was trained yet. `squill train --once` trains one.")
    for card in cards:
        print(line(card, in_use=card.digest == active))


def _show(options: argparse.Namespace) -> None:
    registry = user_registry()
    in_use = registry.active(_workspace(options))
    if (digest := options.digest or in_use) is None:
        raise UsageError("No adapter is in use here. Name one: `squill adapters list`.")
    card = _named(registry, digest)
    if options.json:
        print(json.dumps(card.to_wire(), indent=2))
    else:
        print(details(card, in_use=card.digest == in_use))


def _named(registry: AdapterRegistry, digest: str) -> AdapterCard:
    """
    Raises:
        UsageError: the digest names none, or several.
    """
    try:
        registry.folder(digest)
    except AdapterError as error:
        raise UsageError(error.message) from error
    return registry.card(digest)


def _diff(options: argparse.Namespace) -> None:
    registry = user_registry()
    new = options.new or registry.active(_workspace(options))
    if new is None:
        raise UsageError("No adapter is in use here. Name two of them.")
    found = difference(_named(registry, options.old), _named(registry, new))
    if options.json:
        print(json.dumps(found))
        return
    for each in difference_lines(found, _questions(options.workspace)):
        print(each)


def _questions(workspace: Path) -> dict[str, str]:
    """The questions of the workspace's pairs, by their digests."""
    from squill.pairs.store import PairStore

    settings = load_settings(workspace, lambda _: None)
    return {pair.digest: pair.question for pair in PairStore(workspace, settings).load().usable}


def _activate(options: argparse.Namespace) -> None:
    workspace = _workspace(options)
    digest = None if options.digest == _NONE else _named(user_registry(), options.digest).digest
    moved = asyncio.run(_ask("adapters/activate", {"digest": digest, "workspace": workspace}))
    if moved is None:
        if digest:
            _check(digest, options.workspace)
        moved = {"active": digest, "previous": user_registry().activate(digest, workspace)}
    _tell(moved)


def _check(digest: str, workspace: Path) -> None:
    """What can be known without the model; a daemon, where one runs, knows more.

    Raises:
        AdapterError: the adapter is damaged, or another model's.
    """
    registry = user_registry()
    if adapter_digest(registry.folder(digest)) != digest:
        raise AdapterError(
            f"The content of adapter {short(digest)} has changed since it was published. "
            "Train it again, or choose another."
        )
    base = content_digest(model_folder(load_settings(workspace, lambda _: None).model))
    if registry.card(digest).base != base:
        raise AdapterError(
            f"Adapter {short(digest)} was trained on another model than the one that the settings "
            "name. Name that one there, or choose another adapter."
        )


def _rollback(options: argparse.Namespace) -> None:
    workspace = _workspace(options)
    moved = asyncio.run(_ask("adapters/rollback", {"workspace": workspace}))
    if moved is None:
        active, previous = user_registry().rollback(workspace)
        moved = {"active": active, "previous": previous}
    _tell(moved)


async def _ask(method: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the daemon did: it refuses an adapter that it cannot use. None where none runs."""
    try:
        client = await DaemonClient.connect(name="squill adapters")
    except DaemonUnavailableError as error:
        if isinstance(error.__cause__, TimeoutError):
            raise  # it hangs; what it has in use is unknown
        return None
    async with client:
        result: dict[str, Any] = await client.call(method, params)
        return result


def _tell(moved: Mapping[str, Any]) -> None:
    print(f"in use: {short(moved['active'])} (before: {short(moved['previous'])})")


def _prune(options: argparse.Namespace) -> None:
    removed = user_registry().prune(options.keep)
    print(f"{len(removed)} removed")
    for digest in removed:
        print(short(digest))
