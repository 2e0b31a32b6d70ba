"""The packaged extension, and pictures of what went wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from code_server import ROOT, Profile, missing
from workbench import ARTEFACTS, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from workbench import Workbench

SCRIPTED_DAEMON = f"{sys.executable} {ROOT / 'tests' / 'scripted_daemon.py'}"


@pytest.fixture(scope="session")
def vsix() -> Path:
    """The extension as `make vsix` packages it now. Skips where VS Code is not installed."""
    if reason := missing():
        # In CI it is, or its installation is broken.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    subprocess.run(["make", "vsix"], cwd=ROOT, check=True, timeout=200)
    return ROOT / "editors" / "vscode" / "squill.vsix"


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What daemons compile, shared by the session's profiles."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def new_window(
    vsix: Path, kernels: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., AbstractContextManager[Workbench]]:
    """Opens a window over a folder with these files, in a fresh profile with the extension."""

    def open_window(
        files: dict[str, str],
        *,
        with_server: bool = True,
        restricted: bool = False,
        **variables: str,
    ) -> AbstractContextManager[Workbench]:
        # Short: the daemon's socket lies below it.
        place = tmp_path_factory.mktemp("vs")
        folder = place / "shop"
        folder.mkdir()
        for name, text in {".vscode/settings.json": "{}", **files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        variables |= {"SQUILL_CACHE_DIR": str(kernels)}
        profile = Profile(place / "p", variables, with_server=with_server, restricted=restricted)
        profile.prepare()
        profile.install(vsix)
        return opened(profile, folder)

    return open_window


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    report: pytest.TestReport = yield
    window = getattr(item, "funcargs", {}).get("window")
    if report.failed and call.when == "call" and window is not None:
        window.screenshot(f"failed-{item.name}")
        logs = window.profile.user_data / "logs"
        shutil.copytree(logs, ARTEFACTS / f"failed-{item.name}", dirs_exist_ok=True)
    return report
