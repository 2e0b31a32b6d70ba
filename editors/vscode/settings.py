"""Writes the settings of package.json from Squill's own: names, types, defaults and meanings.

Run it after a change of `core/squill/settings.py` or `docs/settings.md`:
`.venv/bin/python editors/vscode/settings.py`. A unit test compares what it would write.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from pathlib import Path
from typing import Any

from squill.dialects import DIALECTS
from squill.settings import KEYWORD_CASES, Settings

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "editors" / "vscode" / "package.json"
MEANINGS = ROOT / "docs" / "settings.md"

FROM_FILES_ALONE = ("generation.max_tokens", "generation.constrained", "daemon.", "learning.")
"""Read by daemon and trainer, which serve all editors: they take them from ``squill.toml``."""
TAKEN_FROM_EDITORS = ("daemon.autostart", "learning.automatic", "learning.keep_accepted")
"""Of those, what the language server reads."""

CHOICES = {"dialect": sorted(DIALECTS), "keyword_case": [case for case in KEYWORD_CASES if case]}
"""The values besides the empty one."""

OWN: dict[str, dict[str, Any]] = {
    "squill.server.path": {
        "type": "string",
        "default": "",
        "scope": "machine-overridable",
        "markdownDescription": "The program `squill`, as an absolute path (`~/` is your home "
        "folder). Empty: the one on `PATH`, else the one that the extension has installed.",
    },
    "squill.suggestions": {
        "type": "string",
        "enum": ["ghostText", "completion"],
        "enumDescriptions": [
            "Grey text behind the comment; Tab accepts it.",
            "An item in the list of completions, on the line below the comment.",
        ],
        "default": "ghostText",
        "markdownDescription": "How an answer is offered.",
    },
    "squill.trace.server": {
        "type": "string",
        "enum": ["off", "messages", "verbose"],
        "default": "off",
        "markdownDescription": "What is logged of the messages between editor and language server.",
    },
}
"""Settings of the extension itself, which the server never sees."""


def properties() -> dict[str, Any]:
    """``contributes.configuration.properties`` as it has to be."""
    meanings = _meanings()
    server = {
        f"squill.{name}": _schema(name, hint, default) | {"markdownDescription": meanings[name]}
        for name, hint, default in _leaves(Settings())
        if not name.startswith(FROM_FILES_ALONE) or name in TAKEN_FROM_EDITORS
    }
    return OWN | server


def manifest() -> str:
    """The text of package.json with these settings in it."""
    data = json.loads(MANIFEST.read_text(encoding="utf-8"))
    data["contributes"]["configuration"]["properties"] = properties()
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _leaves(tree: Any, prefix: str = "") -> typing.Iterator[tuple[str, Any, Any]]:
    """Dotted name, type and default of every setting."""
    hints = typing.get_type_hints(type(tree))
    for item in dataclasses.fields(tree):
        value, name = getattr(tree, item.name), prefix + item.name
        if dataclasses.is_dataclass(value):
            yield from _leaves(value, f"{name}.")
        else:
            yield name, hints[item.name], value


def _schema(name: str, hint: Any, default: Any) -> dict[str, Any]:
    if name in CHOICES:
        return {"type": "string", "enum": ["", *CHOICES[name]], "default": default}
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": {"type": "string"}, "default": list(default)}
    if hint is int:
        return {"type": "integer", "minimum": 0, "default": default}
    return {"type": {bool: "boolean", str: "string"}[hint], "default": default}


def _meanings() -> dict[str, str]:
    """The last column of the table in docs/settings.md, its links as their bare text."""
    rows = re.findall(
        r"^\| `([\w.]+)` \| [^|]* \| (.*) \|$", MEANINGS.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {name: re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", meaning) for name, meaning in rows}


if __name__ == "__main__":
    MANIFEST.write_text(manifest(), encoding="utf-8")
