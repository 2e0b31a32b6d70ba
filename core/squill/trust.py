"""Which folders the user trusts: one list in the user's data folder, for every front end.

A trusted folder may name a model, example folders and all other settings; `docs/security.md` says
what an untrusted one can do. Trusting a folder trusts everything below it. Folders are compared by
their real paths, so a link inside a trusted folder doesn't extend the trust to where it leads.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from squill.errors import SettingsError, SquillError
from squill.files import explained, locked, replace_file
from squill.paths import data_directory
from squill.private import check_private_directory, make_private_directory

if TYPE_CHECKING:
    from collections.abc import Callable

TRUST_VARIABLE = "SQUILL_TRUST"
"""Set to 1, it trusts every folder: for tests and CI, whose machines hold nothing else."""


@dataclass(frozen=True, slots=True)
class TrustList:
    """Real paths. ``declined`` are folders whose user said no and isn't asked again."""

    trusted: tuple[str, ...] = ()
    declined: tuple[str, ...] = ()


def trust_directory() -> Path:
    """Holds the list and the record of the user's own pairs; nobody else can enter it."""
    return data_directory() / "trust"


def is_trusted(folder: Path | str) -> bool:
    """Whether the user trusts ``folder`` or one above it. A list that can't be read trusts none."""
    if os.environ.get(TRUST_VARIABLE) == "1":
        return True
    try:
        return _trusts(read_trust(), folder)
    except SquillError:
        return False


def is_declined(folder: Path | str) -> bool:
    """Whether the user was asked about ``folder`` itself and said no."""
    try:
        return os.path.realpath(folder) in read_trust().declined
    except SquillError:
        return False


def read_trust() -> TrustList:
    """The list; an empty one where there is none.

    Raises:
        SettingsError: the file is damaged or can't be read.
        SocketPathError: other users can reach its folder.
    """
    path = _list_file()
    try:
        check_private_directory(path.parent, "SQUILL_DATA_DIR")
        data = json.loads(path.read_text(encoding="utf-8"))
        return TrustList(_paths(data["trusted"]), _paths(data["declined"]))
    except FileNotFoundError:
        return TrustList()
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SettingsError(
            f"The list of trusted folders can't be read ({error}), so no folder is trusted. "
            f"Remove {path}, then trust your folders again with `squill trust add`."
        ) from error


def trust(folder: Path | str) -> None:
    """Put ``folder`` on the list.

    Raises:
        SquillError: the list can't be read or written.
    """
    real = os.path.realpath(folder)
    _change(lambda known: TrustList(_with(known.trusted, real), _without(known.declined, real)))


def distrust(folder: Path | str) -> bool:
    """Take ``folder`` off the list; False where it isn't on it. One above it may be, still.

    Raises:
        SquillError: the list can't be read or written.
    """
    real = os.path.realpath(folder)
    found = real in read_trust().trusted
    if found:
        _change(lambda known: replace(known, trusted=_without(known.trusted, real)))
    return found


def decline(folder: Path | str) -> None:
    """Remember that the user doesn't want to be asked about ``folder`` again.

    Raises:
        SquillError: the list can't be read or written.
    """
    real = os.path.realpath(folder)
    _change(lambda known: replace(known, declined=_with(known.declined, real)))


def is_inside(path: Path, folder: Path) -> bool:
    """Whether ``path`` lies in ``folder``, or is it, once all links are resolved."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _trusts(known: TrustList, folder: Path | str) -> bool:
    real = Path(os.path.realpath(folder))
    return any(real.is_relative_to(each) for each in known.trusted)


def _list_file() -> Path:
    return trust_directory() / "folders.json"


def _change(edit: Callable[[TrustList], TrustList]) -> None:
    path = _list_file()
    make_private_directory(path.parent, "SQUILL_DATA_DIR")
    with explained(f"Writing {path}"), locked(path.parent / ".lock"):
        known = edit(read_trust())
        data = {"trusted": sorted(known.trusted), "declined": sorted(known.declined)}
        replace_file(path, json.dumps(data, indent=1).encode() + b"\n")
        path.chmod(0o600)


def _paths(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("not a list of paths")
    return tuple(value)


def _with(paths: tuple[str, ...], path: str) -> tuple[str, ...]:
    return (*_without(paths, path), path)


def _without(paths: tuple[str, ...], path: str) -> tuple[str, ...]:
    return tuple(each for each in paths if each != path)
