"""Which files define tables: those that are named, else the workspace's, by the settings' globs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from squill.errors import UsageError
from squill.globs import compile_globs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from squill.settings import WorkspaceSettings


def find_schema_files(folder: Path, settings: WorkspaceSettings) -> Iterator[Path]:
    """Paths under ``folder`` in no order; nothing is read. Excluded folders are not entered."""
    wanted = compile_globs(settings.schema_files)
    excluded = compile_globs(settings.exclude)
    for place, subfolders, names in os.walk(folder):
        relative = Path(place).relative_to(folder)
        # A folder whose every file is excluded is never entered.
        subfolders[:] = [
            name
            for name in subfolders
            if not excluded.fullmatch((relative / name / "x").as_posix())
        ]
        for name in names:
            path = (relative / name).as_posix()
            if wanted.fullmatch(path) and not excluded.fullmatch(path):
                yield Path(place) / name


def schema_texts(named: Sequence[str], folder: Path, settings: WorkspaceSettings) -> dict[str, str]:
    """The texts of the files ``named`` on a command line, ``-`` being standard input.

    Where none is named, those of ``folder``, in the order of their paths.

    Raises:
        UsageError: a file cannot be read, or there is none.
    """
    if named:
        return {name: read_sql(name) for name in named}
    texts = {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8-sig", errors="replace")
        for path in sorted(find_schema_files(folder, settings))
        if path.stat().st_size <= settings.max_file_bytes
    }
    if not texts:
        raise UsageError(
            f"There are no table definitions in {folder}. Name a file with --schema FILE."
        )
    return texts


def read_sql(name: str) -> str:
    """
    Raises:
        UsageError: the file cannot be read.
    """
    try:
        if name == "-":
            return sys.stdin.read()
        return Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}. Name a file that can be read.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 (byte {error.start}). Convert it first.") from error
