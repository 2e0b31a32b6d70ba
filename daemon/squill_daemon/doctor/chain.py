"""All checks, in the order of the report."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from squill_daemon.doctor.adapters import check_adapters
from squill_daemon.doctor.daemon import check_daemon
from squill_daemon.doctor.device import MLX_SECONDS, MlxReport, check_device
from squill_daemon.doctor.editors import check_editor, installed, none_found
from squill_daemon.doctor.folders import check_folders
from squill_daemon.doctor.installation import check_installation
from squill_daemon.doctor.language_server import LSP_SECONDS, check_language_server
from squill_daemon.doctor.model import check_model
from squill_daemon.doctor.probes import Probe
from squill_daemon.doctor.runtime import check_runtime
from squill_daemon.doctor.workspace import check_examples, check_schema, check_settings

if TYPE_CHECKING:
    from pathlib import Path


def probes(folder: Path) -> list[Probe]:
    """``folder`` is the workspace that is looked at."""
    mlx = MlxReport()
    here = [
        Probe("installation", "packages", check_installation),
        Probe("device", "mlx", partial(check_device, mlx), MLX_SECONDS + 5),
        Probe("model", "model", partial(check_model, folder, mlx), MLX_SECONDS + 10),
        Probe("folders", "folders", check_folders),
        Probe("socket", "socket", check_runtime),
        Probe("daemon", "daemon", partial(check_daemon, folder)),
        Probe("adapters", "adapters", partial(check_adapters, folder)),
        Probe("settings", "settings", partial(check_settings, folder)),
        Probe("workspace", "schema", partial(check_schema, folder)),
        Probe("workspace", "examples", partial(check_examples, folder)),
        Probe("language server", "start", partial(check_language_server, folder), LSP_SECONDS + 5),
    ]
    editors = [Probe("editors", e.name, partial(check_editor, e)) for e in installed()]
    return here + (editors or [Probe("editors", "none", none_found)])
