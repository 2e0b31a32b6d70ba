"""All pairs of a workspace: read, checked, merged, and kept in memory between two looks."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from squill.errors import UsageError
from squill.pairs.exchange import pair_line
from squill.pairs.files import (
    ACCEPTED_FILE,
    FORGOTTEN_FILE,
    append,
    read_regular,
    rewrite,
    stamp_of,
    without_lines,
)
from squill.pairs.forgotten import read_forgotten, write_forgotten
from squill.pairs.lines import Entry
from squill.pairs.merging import Dated, Merger
from squill.pairs.own import line_digest, own_digests, record_own
from squill.pairs.pair import ACCEPTED, Pair, Pairs, SetAside
from squill.pairs.reader import SQL_SUFFIXES, Content, Found, Reader
from squill.pairs.schemas import Schemas
from squill.trust import is_inside, is_trusted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from squill.pairs.files import Stamp
    from squill.settings import Settings

SUFFIXES = (*SQL_SUFFIXES, ".jsonl")
MOST_FOLDERS = 1000
"""Below one folder of examples, itself included, so many are read and watched."""
MANY_FOLDERS = (
    f"It has more than {MOST_FOLDERS} folders below it: the others aren't read, and none below it "
    "is watched. Name the folders that hold the examples in `learning.example_folders`."
)


def has_many_folders(folder: Path) -> bool:
    """Whether there are more than `MOST_FOLDERS`."""
    return next(islice(os.walk(folder), MOST_FOLDERS, None), None) is not None


@dataclass(frozen=True, slots=True)
class _Known:
    """What a file came to when it had this stamp and the workspace's schema that generation."""

    stamp: Stamp
    generation: int
    content: Content


class PairStore:
    """The example pairs of the workspace ``folder``. For one thread at a time.

    ``trusted``: whether pairs that came with the workspace are used; None asks the user's list
    (`squill.trust`). Where it isn't, nothing outside the workspace is read for it, and only pairs
    that are the user's own (`squill.pairs.own`) are usable.
    """

    def __init__(self, folder: Path, settings: Settings, *, trusted: bool | None = None) -> None:
        self._folder = folder.absolute()
        self._trusted = is_trusted(folder) if trusted is None else trusted
        self._foreign: list[Pair] = []
        self._limits = settings.learning
        self._schemas = Schemas(self._folder, settings, trusted=self._trusted)
        self._reader = Reader(self._schemas)
        self._merger = Merger()
        self._files: dict[Path, _Known] = {}
        self._accepted = self._folder / ACCEPTED_FILE

    def load(self) -> Pairs:
        """All pairs as they are now. A file that did not change since the last time is not read."""
        self._schemas.refresh()
        problems = self._look()
        forgotten = read_forgotten(self._folder)
        hides = forgotten.hides
        contents = [known.content for known in self._files.values()]
        aside = [each for content in contents for each in content.set_aside]
        hidden = [pair for each in contents for pair, _ in each.pairs() if hides(pair)]
        foreign = self._came_along()
        self._foreign = [each.pair for each in foreign if not hides(each.pair)]
        left_out = {id(each) for each in foreign}
        dated = [
            each
            for each in self._dated()
            if not hides(each.found.pair) and id(each.found) not in left_out
        ]
        merged = self._merger.merge(dated)
        dialects = {self.dialect, *(each.found.pair.dialect for each in dated)}
        return Pairs(
            usable=merged.usable,
            set_aside=(
                *forgotten.set_aside,
                *problems,
                *(SetAside(pair.origin, self._untrusted(), pair) for pair in self._foreign),
                *(each for each in aside if each.pair is None or not hides(each.pair)),
            ),
            conflicts=merged.conflicts,
            duplicates=merged.duplicates,
            forgotten=tuple(hidden),
            workspace={name: self._schemas.workspace(name).schema for name in dialects},
        )

    @property
    def folders(self) -> list[Path]:
        """The folders of examples that may be read, absolute; some may not exist."""
        # Path.expanduser fails on a user who does not exist.
        named = map(os.path.expanduser, self._limits.example_folders)
        found = [Path(os.path.normpath(self._folder / name)) for name in named]
        return [path for path in found if self.may_read(path)]

    def may_read(self, path: Path) -> bool:
        """Nothing of an untrusted workspace leads out of it.

        An absolute path elsewhere can come from the user's own settings alone.
        """
        is_its_own = path.is_relative_to(self._folder) or not self._is_named_absolutely(path)
        return self._trusted or not is_its_own or is_inside(path, self._folder)

    def _is_named_absolutely(self, path: Path) -> bool:
        named = map(os.path.expanduser, self._limits.example_folders)
        return any(Path(name).is_absolute() and path.is_relative_to(name) for name in named)

    @property
    def dialect(self) -> str:
        """The workspace's, known after `load`."""
        return self._schemas.dialect

    def check(self, question: str, sql: str, dialect: str = "") -> Pair | SetAside:
        """The pair as it would be kept now; needs a `load` before.

        Raises:
            UsageError: question or SQL is empty.
        """
        question, sql = " ".join(question.split()), sql.strip()
        if not question or not sql:
            raise UsageError("A pair needs a question and the SQL that answers it.")
        entry = Entry(0, question, sql, dialect, kept=datetime.now(UTC))
        checked = self._reader.check(entry, ACCEPTED)
        return checked.pair if isinstance(checked, Found) else checked

    def read(self, path: Path) -> Content:
        """The pairs of any file, checked against this workspace; needs a `load` before.

        Raises:
            UsageError: the file cannot be read.
        """
        try:
            data, _ = read_regular(path)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}. Name a file that can be read.") from error
        return self._reader.read(path.absolute(), data, shown=str(path))

    @property
    def left_out(self) -> int:
        """How many pairs came with the untrusted workspace, by the last `load`."""
        return len(self._foreign)

    def adopt(self) -> int:
        """Take the pairs that came with the workspace, by the last `load`, as the user's own.

        For the user who names them. Gives their number.

        Raises:
            SquillError: it can't be recorded.
        """
        record_own(self._folder, {pair.digest for pair in self._foreign})
        return len(self._foreign)

    def accept(self, pairs: Iterable[Pair]) -> None:
        """Keep checked pairs, as of now where they have no time.

        Raises:
            SquillError: they cannot be written.
        """
        now = datetime.now(UTC)
        lines = [pair_line(pair, kept=now) for pair in pairs]
        if lines:
            record_own(self._folder, map(line_digest, lines))
            append(self._accepted, b"".join(lines))

    def forget(self, digests: Collection[str]) -> tuple[int, list[Pair]]:
        """Forget pairs that the last `load` found, used or not.

        Those that were accepted are removed from their file; those in the user's own files are
        hidden from now on, and the files stay as they are. Gives the number of the first and a list
        of the second.

        Raises:
            SquillError: it cannot be written.
        """
        lines: set[bytes] = set()
        hidden: dict[str, Pair] = {}
        for path, known in self._files.items():
            for pair, line in known.content.pairs():
                if pair.digest in digests and path == self._accepted:
                    lines.add(line)
                elif pair.digest in digests:
                    hidden[pair.digest] = pair
        if lines:
            rewrite(self._accepted, lambda content: without_lines(content, lines))
        if hidden:
            write_forgotten(self._folder, hidden.values())
        return len(lines), list(hidden.values())

    def _look(self) -> list[SetAside]:
        """Read what is new; what could not be read is told."""
        files: dict[Path, _Known] = {}
        problems: list[SetAside] = []
        for path in self._paths(problems):
            try:
                files[path] = self._known(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                reason = f"The file cannot be read ({error.strerror}). Correct that, or move it."
                problems.append(SetAside(self._shown(path), reason))
        self._files = files
        return problems

    def _known(self, path: Path) -> _Known:
        known = self._files.get(path)
        generation = self._schemas.generation
        if known and (known.stamp, known.generation) == (stamp_of(path.stat()), generation):
            return known
        is_accepted = path == self._accepted
        data, stamp = read_regular(path, 0 if is_accepted else self._limits.max_file_bytes)
        origin = ACCEPTED if is_accepted else ""
        content = self._reader.read(path, data, shown=self._shown(path), origin=origin)
        return _Known(stamp, generation, content)

    def _came_along(self) -> list[Found]:
        """What is in the files of an untrusted workspace and isn't the user's own."""
        if self._trusted:
            return []
        own = own_digests(self._folder)
        return [
            found
            for path, known in self._files.items()
            if path.is_relative_to(self._folder)
            for found in known.content.found
            if found.pair.digest not in own and line_digest(found.line) not in own
        ]

    def _untrusted(self) -> str:
        return (
            "It came with this folder, which isn't trusted. To learn from it, "
            f"run `squill trust add {shlex.quote(str(self._folder))}`."
        )

    def _dated(self) -> Iterator[Dated]:
        """Pairs with the time when they were kept, else that of their file's last change."""
        for known in self._files.values():
            for found in known.content.found:
                kept = found.pair.kept
                yield Dated(found, kept.timestamp() if kept else known.stamp.time / 1e9)

    def _paths(self, problems: list[SetAside]) -> Iterator[Path]:
        """Example files in the order of folders and paths, then what was accepted."""
        own = {self._accepted, self._folder / FORGOTTEN_FILE}
        found: dict[Path, None] = {}
        for folder in self.folders:
            if has_many_folders(folder):
                problems.append(SetAside(self._shown(folder), MANY_FOLDERS))
            found |= dict.fromkeys(sorted(_example_files(folder)))
        yield from (path for path in found if path not in own and self.may_read(path))
        if self.may_read(self._accepted):
            yield self._accepted

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._folder) if path.is_relative_to(self._folder) else path)


def _example_files(folder: Path) -> Iterator[Path]:
    """Hidden files are none: editors and file systems keep their own under such names."""
    for place, _, names in islice(os.walk(folder), MOST_FOLDERS):
        for name in names:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(place, name)
