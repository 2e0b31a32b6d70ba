"""A workspace's settings, as whoever wants it learned knows them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from squill.model_files import canonical_model
from squill.settings import from_editor, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from squill.settings import Settings


def read_settings(
    workspace: Path,
    model: str,
    editor: str,
    report: Callable[[str], None],
    *,
    trusted: bool | None = None,
) -> Settings:
    """The files' settings, over them ``editor`` (a section as JSON, or empty), then ``model``.

    A model's folder is absolute in what is returned; ``model`` itself has to be. ``trusted`` is
    that of `squill.settings.load_settings`.
    """
    settings = load_settings(workspace, report, trusted=trusted)
    if editor:
        settings = from_editor(settings, _section(editor, report), report)
    return replace(settings, model=model or canonical_model(settings.model, workspace))


def _section(editor: str, report: Callable[[str], None]) -> dict[str, object]:
    try:
        section = json.loads(editor)
    except ValueError as error:
        report(f"The editor's settings are no JSON ({error}); they are left out.")
        return {}
    if not isinstance(section, dict):
        report("The editor's settings are no JSON object; they are left out.")
        return {}
    return section
