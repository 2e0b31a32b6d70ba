"""The registry itself: publish, find, activate, go back, prune."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from squill.adapters.card import AdapterCard, checked_digest
from squill.adapters.content import (
    CARD,
    CONFIG,
    WEIGHTS,
    adapter_digest,
    canonical_config,
    missing,
    to_json,
)
from squill.adapters.pointers import Pointer, Pointers, normal_workspace
from squill.errors import AdapterError
from squill.files import (
    copy_synced,
    explained,
    locked,
    replace_file,
    sync_directory,
    write_synced,
)
from squill.paths import data_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_SHORTEST_PREFIX = 4  # hexadecimal digits


def user_registry() -> AdapterRegistry:
    """The current user's registry; creates nothing."""
    return AdapterRegistry(data_directory() / "adapters")


class AdapterRegistry:
    """Adapters in one folder, for any number of processes at once.

    A published adapter never changes; readers take no lock. Files block, so call it off an event
    loop; `active` and `folder` read one or two small files. Every method raises `AdapterError`
    where the file system fails it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._pointers = Pointers(root / "active")
        self._staged = root / ".staged"
        self._removed = root / ".removed"

    def publish(
        self,
        source: Path,
        *,
        base: str,
        prompt_format: str,
        parent: str | None = None,
        pairs: Iterable[str] = (),
        figures: Mapping[str, float] | None = None,
        note: str = "",
        words: Iterable[str] = (),
    ) -> AdapterCard:
        """Copy the adapter in ``source`` and make it visible, whole, by one rename.

        Content that is published already keeps its card, which is returned; a damaged copy of it
        is replaced.

        Raises:
            AdapterError: ``source`` is no adapter, the same weights are published for another
                base model, or the disk is full.
        """
        fields = {
            "base": base,
            "prompt_format": prompt_format,
            "created": datetime.now(UTC).isoformat(timespec="microseconds"),
            "parent": parent,
            "pairs": list(pairs),
            "figures": dict(figures or {}),
            "note": note,
            "words": list(words),
        }
        with explained(f"Publishing the adapter in {source}", AdapterError), self._changing():
            digest = self._stage(source)
            card = AdapterCard.from_wire(fields | {"digest": digest})
            if present := self._whole(digest):
                return _same_base(present, card)
            self._reveal(card)
            return card

    def annotate(self, digest: str, figures: Mapping[str, float], note: str) -> AdapterCard:
        """Put what was measured of a published adapter on its card; its content stays.

        Raises:
            AdapterError: there is no such adapter, or its card is damaged.
        """
        with explained("Writing the adapter's card", AdapterError), self._changing():
            card = replace(self.card(digest), figures=dict(figures), note=note)
            replace_file(self.root / card.digest / CARD, to_json(card.to_wire()))
            return card

    def attach(self, digest: str, name: str, data: bytes) -> None:
        """Put a file beside a published adapter: what is told of it, no part of its content.

        Raises:
            AdapterError: there is no such adapter.
        """
        assert name not in (CARD, CONFIG, WEIGHTS), "its content never changes"
        with explained("Writing beside the adapter", AdapterError), self._changing():
            replace_file(self.folder(digest) / name, data)

    def cards(self) -> tuple[AdapterCard, ...]:
        """Every adapter, newest first; damaged ones are left out (see `damaged`)."""
        found = []
        for digest in self._digests():
            with contextlib.suppress(AdapterError):
                found.append(self._read_card(digest))
        return tuple(sorted(found, key=lambda card: (card.created, card.digest), reverse=True))

    def damaged(self) -> tuple[AdapterError, ...]:
        """One error for each adapter whose card cannot be read."""
        errors = []
        for digest in self._digests():
            try:
                self._read_card(digest)
            except AdapterError as error:
                errors.append(error)
        return tuple(errors)

    def card(self, digest: str) -> AdapterCard:
        """The card of the adapter; a unique prefix of four or more digits will do.

        Raises:
            AdapterError: there is no such adapter, several begin so, or its card is damaged.
        """
        return self._read_card(self._resolved(digest))

    def folder(self, digest: str) -> Path:
        """Where the adapter lies; takes what `card` takes and raises what it raises."""
        return self.root / self._resolved(digest)

    def active(self, workspace: str = "") -> str | None:
        """The digest in use: the workspace's own choice, else the default's; None is the base.

        Raises:
            AdapterError: the record is damaged. It was moved aside: the next call finds none.
        """
        workspace = normal_workspace(workspace)
        for place in dict.fromkeys((workspace, "")):
            if pointer := self._pointers.read(place):
                return pointer.active
        return None

    def chosen(self) -> dict[str, str | None]:
        """What each workspace has chosen (None: the base model); "" is the default of the others.

        Damaged records are left out.
        """
        return {pointer.workspace: pointer.active for pointer in self._pointers.all()}

    def activate(self, digest: str | None, workspace: str = "") -> str | None:
        """Use the adapter (None: the base model) in the workspace; gives what was used before.

        Raises:
            AdapterError: there is no such adapter.
        """
        workspace = normal_workspace(workspace)
        with explained("Activating the adapter", AdapterError), self._pointers.lock():
            wanted = None if digest is None else self.card(digest).digest
            current = self._pointers.recovered(workspace)
            if current is None:
                default = self._pointers.recovered("")
                current = Pointer(workspace, default.active if default else None)
            self._pointers.write(current.moved_to(wanted))
            return current.active

    def rollback(self, workspace: str = "") -> tuple[str | None, str | None]:
        """Go back to what the workspace used before. Gives (active, previous).

        Adapters that are no longer there are passed over.

        Raises:
            AdapterError: there is nothing to go back to.
        """
        workspace = normal_workspace(workspace)
        with explained("Rolling the adapter back", AdapterError), self._pointers.lock():
            before = pointer = self._pointers.read_locked(workspace)
            while before and pointer and pointer.history:
                pointer = pointer.rolled_back()
                if pointer.active is None or self._is_there(pointer.active):
                    self._pointers.write(pointer)
                    return pointer.active, before.active
        where = workspace or "the default of all workspaces"
        raise AdapterError(
            f"There is no earlier adapter to go back to for {where}. Activate one by its digest."
        )

    def remove(self, digest: str) -> None:
        """Remove an adapter, unless a workspace uses it or can go back to it.

        Raises:
            AdapterError: there is no such adapter.
        """
        with (
            explained("Removing the adapter", AdapterError),
            self._changing(),
            self._pointers.lock(),
        ):
            folder = self.folder(digest)
            if folder.name not in self._wanted():
                self._remove(folder)

    def prune(self, keep: int) -> tuple[str, ...]:
        """Remove all but the newest ``keep`` and those that a workspace uses or can go back to.

        Gives the removed digests. Damaged adapters that nobody uses go too.
        """
        with (
            explained("Removing old adapters", AdapterError),
            self._changing(),
            self._pointers.lock(),
        ):
            wanted = {card.digest for card in self.cards()[: max(keep, 0)]} | self._wanted()
            gone = tuple(digest for digest in self._digests() if digest not in wanted)
            for digest in gone:
                self._remove(self.root / digest)
            return gone

    def _wanted(self) -> set[str]:
        """What a workspace uses or can go back to."""
        pointers = self._pointers.all()
        return {d for pointer in pointers for d in (pointer.active, *pointer.history) if d}

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the registry against other writers, cleared of what a dead one left."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.root / ".lock"):
            self._sweep()
            try:
                yield
            finally:
                self._sweep()

    def _sweep(self) -> None:
        for leftover in (self._staged, self._removed):
            if leftover.exists():
                shutil.rmtree(leftover)

    def _stage(self, source: Path) -> str:
        # The digest is the copy's: the source may be written to meanwhile.
        config = canonical_config(source)
        if not (source / WEIGHTS).is_file():
            raise missing(source / WEIGHTS)
        self._staged.mkdir(mode=0o700)
        write_synced(self._staged / CONFIG, config)
        copy_synced(source / WEIGHTS, self._staged / WEIGHTS)
        return adapter_digest(self._staged)

    def _whole(self, digest: str) -> AdapterCard | None:
        """The card of what is published under ``digest``, if nothing of it is damaged."""
        with contextlib.suppress(AdapterError):
            if adapter_digest(self.root / digest) == digest:
                return self._read_card(digest)
        return None

    def _reveal(self, card: AdapterCard) -> None:
        write_synced(self._staged / CARD, to_json(card.to_wire()))
        sync_directory(self._staged)
        target = self.root / card.digest
        if target.exists():
            self._remove(target)
        self._staged.rename(target)
        sync_directory(self.root)

    def _remove(self, folder: Path) -> None:
        folder.rename(self._removed)  # gone at once; deleting takes several steps
        shutil.rmtree(self._removed)

    def _digests(self) -> list[str]:
        with explained(f"Reading {self.root}", AdapterError):
            try:
                names = [path.name for path in self.root.iterdir()]
            except FileNotFoundError:
                return []
        return sorted(name for name in names if _is_digest(name))

    def _resolved(self, digest: str) -> str:
        if _is_digest(digest) and self._is_there(digest):
            return digest
        if len(digest) < _SHORTEST_PREFIX:
            raise AdapterError(
                f"{digest!r} is too short to name an adapter. "
                f"Give at least {_SHORTEST_PREFIX} digits of its digest."
            )
        found = [name for name in self._digests() if name.startswith(digest.lower())]
        if len(found) == 1:
            return found[0]
        if found:
            raise AdapterError(
                f"{len(found)} adapters begin with {digest}. Give more digits of the digest."
            )
        raise AdapterError(
            f"There is no adapter {digest[:64]!r} in {self.root}. "
            "List the adapters and choose one of them, or train it again."
        )

    def _is_there(self, digest: str) -> bool:
        return (self.root / digest).is_dir()

    def _read_card(self, digest: str) -> AdapterCard:
        path = self.root / digest / CARD
        try:
            card = AdapterCard.from_wire(json.loads(path.read_bytes()))
        except FileNotFoundError as error:
            raise missing(path) from error
        except (OSError, ValueError, RecursionError, AdapterError) as error:
            raise AdapterError(f"{path} is damaged. Publish the adapter again.") from error
        if card.digest != digest:
            raise AdapterError(
                f"{path} is the card of another adapter ({card.digest}). Publish this one again."
            )
        return card


def _is_digest(name: str) -> bool:
    try:
        checked_digest(name)
    except ValueError:
        return False
    return True


def _same_base(present: AdapterCard, wanted: AdapterCard) -> AdapterCard:
    if present.base != wanted.base:
        raise AdapterError(
            f"Adapter {present.digest} is published for another base model ({present.base}). "
            "Name the model that it was trained on."
        )
    return present
