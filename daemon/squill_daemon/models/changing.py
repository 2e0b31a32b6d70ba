"""Puts another model in use: the setting first, then the daemon, and both back where it fails."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from squill.errors import ModelError, ModelTooLargeError, SquillError
from squill.memory import available_bytes
from squill.model_files import (
    EMBEDDED_NAME,
    canonical_model,
    memory_needed,
    model_folder,
)
from squill.paths import runtime_paths
from squill.settings import load_settings
from squill_daemon.commands.status import ANSWER_SECONDS, daemon_status
from squill_daemon.instance import holder
from squill_daemon.models.chosen import choose, settings_file
from squill_daemon.models.sizes import computes_on_cpu

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[str], None]
    Restart = Callable[[str], bool]


def named(model: str) -> str:
    """The model in the spelling of settings and daemon: "" for the embedded one."""
    return "" if model in ("", EMBEDDED_NAME) else canonical_model(model, Path.cwd())


def is_hub_id(name: str) -> bool:
    """Of a name that `named` gave, which is a folder's path otherwise, or empty."""
    return bool(name) and not Path(name).is_absolute()


def served_model() -> str | None:
    """What the daemon serves, as `named` spells it; None where none runs or answers."""
    status = _status()
    return None if status is None else named(str(status.get("model", "")))


def _status() -> dict[str, object] | None:
    if holder(runtime_paths()) is None:
        return None
    try:
        return asyncio.run(daemon_status(ANSWER_SECONDS))
    except SquillError:
        return None


def use(model: str, restart: Restart, say: Say) -> None:
    """``restart`` has the daemon serve a model, and says whether it does.

    Raises:
        ModelError: the model's files will not do, or the daemon could not load it.
        SettingsError: the user's settings cannot be written.
    """
    name = named(model)
    require_fit(model_folder(name))
    before = choose(name)
    if holder(runtime_paths()) is not None and not restart(name):
        choose(before)
        restart(before)
        raise ModelError(
            f"{model} could not be loaded, so {before or EMBEDDED_NAME} stays in use. "
            "`squill logs` says more."
        )
    say(f"{name or EMBEDDED_NAME} is in use: {settings_file()} names it")
    _say_what_overrides(name, say)


def require_fit(folder: Path) -> None:
    """
    Raises:
        ModelError: files are missing or damaged, or memory does not do, once a daemon that runs
            gives back its own.
    """
    needed = memory_needed(folder, as_float32=computes_on_cpu())
    held = (_status() or {}).get("memory_bytes", 0)
    free = available_bytes() + (held if isinstance(held, int) else 0)
    if needed > free:
        raise ModelTooLargeError(
            f"The model in {folder} needs about {needed / 1e9:.1f} GB of memory and "
            f"{free / 1e9:.1f} GB can be had. Choose a smaller one: `squill model list`."
        )


def _say_what_overrides(name: str, say: Say) -> None:
    if (other := os.environ.get("SQUILL_MODEL")) is not None and named(other) != name:
        say(f"SQUILL_MODEL={other} overrides it where it is set")
        return
    folder = Path.cwd()
    here = canonical_model(load_settings(folder, lambda _: None).model, folder)
    if here != name:
        say(f"the settings of {folder} name {here or EMBEDDED_NAME} instead")
