"""The editors on this machine, and whether they are new enough for what Squill shows."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill_daemon.doctor.finding import ok, warning
from squill_daemon.doctor.installation import numbers
from squill_daemon.doctor.processes import run_bounded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill_daemon.doctor.finding import Finding

EDITOR_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Editor:
    """``least`` is the first version that docs/editors.md describes; ``older`` why."""

    name: str
    command: str
    least: str = ""
    older: str = ""


EDITORS = (
    Editor("Neovim", "nvim", "0.11", "vim.lsp.config and vim.lsp.enable came with 0.11"),
    Editor("VS Code", "code"),
    Editor("VSCodium", "codium"),
    Editor("Helix", "hx"),
    Editor("Emacs", "emacs", "29", "eglot comes with Emacs 29"),
    Editor("Sublime Text", "subl"),
)


def installed() -> list[Editor]:
    return [editor for editor in EDITORS if shutil.which(editor.command)]


def check_editor(editor: Editor) -> Iterator[Finding]:
    ended = run_bounded([editor.command, "--version"], EDITOR_SECONDS)
    found = re.search(r"\d+(?:\.\d+)+|\d{4,}", ended.output)
    if ended.code != 0 or found is None:
        how = ended.how if ended.code != 0 else "tells no version"
        detail = f"`{editor.command} --version` {how}"
        yield warning(editor.name, detail, "See whether it starts by itself.")
    elif editor.least and numbers(found.group()) < numbers(editor.least):
        detail = f"{found.group()} is older than {editor.least}: {editor.older}"
        yield warning(editor.name, detail, f"Update {editor.name}.")
    else:
        yield ok(editor.name, f"{found.group()} at {shutil.which(editor.command)}")


def none_found() -> Iterator[Finding]:
    commands = ", ".join(editor.command for editor in EDITORS)
    yield ok("none", f"there is none of {commands} on PATH")
