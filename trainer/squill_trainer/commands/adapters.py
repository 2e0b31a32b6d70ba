"""``squill adapters``: what was learned, listed, chosen, taken back."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.adapters import user_registry
from squill.client import DaemonClient
from squill.errors import DaemonUnavailableError, SquillError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from squill.adapters import AdapterCard

DONE, _, USAGE, TROUBLE = range(4)

_DIGITS = 12
_NONE = "none"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: done; 2: usage; 3: there is no such adapter, or other trouble."""
    options = _parser().parse_args(argv)
    actions = {
        "list": _list,
        "show": _show,
        "activate": _activate,
        "rollback": _rollback,
        "prune": _prune,
    }
    try:
        actions[options.action](options)
    except SquillError as error:
        print(f"squill adapters: {error.message}", file=sys.stderr)
        return TROUBLE
    return DONE


def _parser() -> argparse.ArgumentParser:
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
    show = actions.add_parser("show", help="the card of one adapter")
    show.add_argument("digest", help="the first digits are enough")
    activate = actions.add_parser("activate", parents=[common], help="use an adapter")
    activate.add_argument("digest", help=f"the first digits are enough; {_NONE!r} for the model")
    actions.add_parser("rollback", parents=[common], help="go back to what was used before")
    prune = actions.add_parser("prune", help="remove old adapters that nobody uses")
    prune.add_argument("--keep", type=int, default=10, metavar="N", help="the newest (default: 10)")
    return parser


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
        print(_line(card, in_use=card.digest == active))


def _line(card: AdapterCard, *, in_use: bool) -> str:
    mark = "*" if in_use else " "
    return (
        f"{mark} {card.digest[:_DIGITS]}  {card.created[:16]}  {len(card.pairs)} pairs  {card.note}"
    )


def _show(options: argparse.Namespace) -> None:
    card = user_registry().card(options.digest)
    print(json.dumps(card.to_wire(), indent=2))


def _activate(options: argparse.Namespace) -> None:
    workspace = _workspace(options)
    digest = None if options.digest == _NONE else user_registry().card(options.digest).digest
    moved = asyncio.run(_ask("adapters/activate", {"digest": digest, "workspace": workspace}))
    if moved is None:
        moved = {"active": digest, "previous": user_registry().activate(digest, workspace)}
    _tell(moved)


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
    print(f"in use: {_name(moved['active'])} (before: {_name(moved['previous'])})")


def _name(digest: str | None) -> str:
    return digest[:_DIGITS] if digest else "the model without an adapter"


def _prune(options: argparse.Namespace) -> None:
    removed = user_registry().prune(options.keep)
    print(f"{len(removed)} removed")
    for digest in removed:
        print(digest[:_DIGITS])
