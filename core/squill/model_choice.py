"""Which model a workspace is answered by, and what the daemon says to those it doesn't serve.

There is one daemon with one model. It answers a workspace only with a model that this workspace or
its user named; each request says which one it expects.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from squill.model_files import EMBEDDED_NAME, canonical_model
from squill.settings import load_settings

if TYPE_CHECKING:
    from squill.settings import Settings


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """``name`` is an absolute folder or a hub id, "" where neither workspace nor user names one.

    ``named_by`` is the workspace that names it, "" where its user does, for all workspaces.
    """

    name: str = ""
    named_by: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """For the command that starts a daemon with it."""
        if not self.name:
            return ()
        named_by = ("--named-by", self.named_by) if self.named_by else ()
        return ("--model", self.name, *named_by)

    def refusal(self, wanted: str) -> str:
        """Why a daemon with this model doesn't answer who expects ``wanted``; empty: it does."""
        if wanted == self.name or (not wanted and not self.named_by):
            return ""
        served = self.name or EMBEDDED_NAME
        if wanted:
            return (
                f"The daemon serves {served}, this workspace names {wanted}: "
                f"`squill model use {shlex.quote(wanted)}` has the daemon serve that."
            )
        return (
            f"The daemon serves {served} for {self.named_by}, this workspace names no model: "
            f"`squill model use {EMBEDDED_NAME}` has the daemon serve the embedded one, "
            f"`squill model use {shlex.quote(served)}` has this one answer everywhere."
        )


def model_choice(settings: Settings, folder: Path | None) -> ModelChoice:
    """What ``settings`` name for the workspace ``folder``.

    A model that the user's own file or environment doesn't name counts as the workspace's.
    """
    base = folder or Path(os.sep)
    name = canonical_model(settings.model, base)
    users = canonical_model(load_settings(None, lambda _: None).model, base)
    return ModelChoice(name, str(folder) if folder and name != users else "")
