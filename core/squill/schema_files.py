"""Which files of a workspace define tables, by the settings' globs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from squill.globs import compile_globs

if TYPE_CHECKING:
    from collections.abc import Iterator

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
