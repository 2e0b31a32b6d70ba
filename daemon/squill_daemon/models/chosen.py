"""The model that the user's settings name, and how it is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tomlkit
from tomlkit.exceptions import TOMLKitError

from squill.errors import SettingsError
from squill.files import replace_file
from squill.paths import config_directory

if TYPE_CHECKING:
    from pathlib import Path


def settings_file() -> Path:
    return config_directory() / "squill.toml"


def choose(model: str) -> str:
    """Write ``model`` into the user's settings, empty for the embedded one; what it was before.

    Whatever else is in the file stays, comments included.

    Raises:
        SettingsError: the file cannot be read or written.
    """
    path = settings_file()
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8") if path.exists() else "")
        before = str(document.get("model", ""))
        if model:
            document["model"] = model
        else:
            document.pop("model", None)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path.resolve(), tomlkit.dumps(document).encode())
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise SettingsError(f"{path} cannot be changed ({error}). Correct the file.") from error
    return before
