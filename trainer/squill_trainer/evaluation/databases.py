"""The databases of an evaluation: one file for all questions, or a file for each ``db_id``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.errors import UsageError
from squill_trainer.evaluation.execution import Database

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIXES = (".sqlite", ".db")


class Databases:
    """Opens each database once. ``unusable`` says of those that were asked for why they are not.

    Raises:
        UsageError: there is nothing at ``path``.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None and not path.exists():
            raise UsageError(f"There is no database at {path}. Give a SQLite file or a folder.")
        self._path = path
        self._open: dict[Path, Database] = {}
        self.unusable: dict[str, str] = {}

    def get(self, db_id: str) -> Database | None:
        """None without databases, and for one that is missing or cannot tell queries apart."""
        if self._path is None or db_id in self.unusable:
            return None
        path = self._file(db_id)
        if path is None:
            self.unusable[db_id] = "there is no file"
            return None
        if path not in self._open:
            self._open[path] = Database(path)
        if not self._open[path].has_rows:
            self.unusable[db_id] = "it has no rows"
            return None
        return self._open[path]

    def _file(self, db_id: str) -> Path | None:
        assert self._path is not None
        if self._path.is_file():
            return self._path
        stems = (self._path / db_id, self._path / db_id / db_id)
        names = (stem.with_name(stem.name + suffix) for stem in stems for suffix in _SUFFIXES)
        inside = self._path.resolve()
        return next((n for n in names if n.is_file() and n.resolve().is_relative_to(inside)), None)

    def close(self) -> None:
        for database in self._open.values():
            database.close()

    def __enter__(self) -> Databases:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
