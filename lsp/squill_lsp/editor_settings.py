"""Settings as the editor sends them, laid over those of the files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from squill.settings import Settings, from_editor, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TRUSTED = "trusted"
"""In `initializationOptions`: whether the editor's user trusts the workspace."""
_EDITORS_OWN = frozenset({"trace", TRUSTED})
"""Keys of the section that are no settings of Squill's."""


def section(data: Any) -> Mapping[str, Any]:
    """The ``squill`` section of what an editor sent; it may come bare, or not at all."""
    if not isinstance(data, Mapping):
        return {}
    inner = data.get("squill", data)
    if not isinstance(inner, Mapping):
        return {}
    return {
        str(key): value
        for key, value in inner.items()
        if key not in _EDITORS_OWN and value is not None
    }


def read_settings(
    folder: Path | None,
    data: Any,
    report: Callable[[str], None],
    *,
    trusted: bool | None = None,
) -> Settings:
    """Settings of the user's and the workspace's files with the editor's over them."""
    return from_editor(load_settings(folder, report, trusted=trusted), section(data), report)
