"""VS Code in a fresh profile: code-server as a child process, and all that descends from it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from squill.paths import PROTOCOL_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
NODE = ROOT / ".venv" / "node" / "bin" / "node"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "squill-tests"
PROGRAM = CACHE / "code-server-4.139.1/node_modules/code-server/out/node/entry.js"
CHROMIUM = shutil.which("chromium")

START_SECONDS = 60
END_SECONDS = 20

SETTINGS = {
    "chat.disableAIFeatures": True,
    "editor.minimap.enabled": False,
    "extensions.autoCheckUpdates": False,
    "files.autoSave": "off",
    "git.enabled": False,
    "security.workspace.trust.enabled": False,
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
}

RESTRICTED = {
    "security.workspace.trust.enabled": True,
    "security.workspace.trust.startupPrompt": "never",
    "security.workspace.trust.emptyWindow": False,
}

_MARK = "SQUILL_TEST_RUN"
_LISTENS = re.compile(rb"HTTP server listening on (http://\S+?)/?\s*$", re.MULTILINE)


def missing() -> str:
    """Why VS Code cannot be run here; empty where it can."""
    wanted = {"Node.js": NODE, "code-server": PROGRAM, "chromium": CHROMIUM}
    absent = [name for name, path in wanted.items() if path is None or not Path(path).exists()]
    hint = "editors/vscode/ci-install installs what is missing"
    return f"{', '.join(absent)} not installed; {hint}" if absent else ""


@dataclass
class Profile:
    """Folders of one run, and the processes that carry its mark in their environment.

    ``variables`` are set for all of them, beside a home of their own. ``restricted``: a window's
    workspace isn't trusted until somebody says so in it.
    """

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    with_server: bool = True
    restricted: bool = False
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def user_data(self) -> Path:
        return self.folder / "user"

    @property
    def extensions(self) -> Path:
        return self.folder / "extensions"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def socket(self) -> Path:
        """The daemon's."""
        return self.folder / "run" / f"daemon-v{PROTOCOL_VERSION}.sock"

    def environment(self) -> dict[str, str]:
        """Nothing of the user's own."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "SHELL": "/bin/sh",
            "OPENBLAS_NUM_THREADS": "1",
            "SQUILL_RUNTIME_DIR": str(self.folder / "run"),
            _MARK: self.mark,
        } | self.variables

    def prepare(self) -> None:
        """Write the user's settings, and have the login shell put `squill` on PATH or not."""
        for path in (self.user_data / "User", self.extensions, self.home):
            path.mkdir(parents=True)
        text = json.dumps(SETTINGS | (RESTRICTED if self.restricted else {}))
        (self.user_data / "User" / "settings.json").write_text(text, encoding="utf-8")
        keys = [{"key": "ctrl+alt+l", "command": "editor.action.inlineSuggest.acceptNextLine"}]
        (self.user_data / "User" / "keybindings.json").write_text(json.dumps(keys))
        # VS Code takes its environment from a login shell, which begins with a PATH of its own.
        programs = [str(ROOT / ".venv" / "bin")] if self.with_server else []
        path = os.pathsep.join([*programs, "/usr/bin", "/bin"])
        (self.home / ".profile").write_text(f"export PATH='{path}'\n", encoding="utf-8")

    def processes(self) -> list[psutil.Process]:
        """All that run with this profile's mark, whoever started them."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(_MARK) == self.mark and process.status() != "zombie":
                    found.append(process)
        return found

    def named(self, *words: str) -> list[psutil.Process]:
        """Those whose command line has all ``words``."""
        return [p for p in self.processes() if _has_words(p, words)]

    def arguments(self) -> list[str]:
        return [
            str(NODE),
            str(PROGRAM),
            "--user-data-dir",
            str(self.user_data),
            "--extensions-dir",
            str(self.extensions),
        ]

    def install(self, vsix: Path) -> None:
        command = [*self.arguments(), "--install-extension", str(vsix)]
        subprocess.run(command, env=self.environment(), check=True, capture_output=True, timeout=90)

    def squill(self, *arguments: str) -> None:
        command = [str(ROOT / ".venv" / "bin" / "squill"), *arguments]
        subprocess.run(command, env=self.environment(), capture_output=True, timeout=60)

    def end(self) -> None:
        """Stop the daemon. Fails where anything goes on that was started in this profile."""
        self.squill("daemon", "stop")
        _, alive = psutil.wait_procs(self.processes(), END_SECONDS)
        told = [(process.pid, process.cmdline()) for process in alive]
        for process in alive:
            process.kill()
        assert not told, f"still running after the editor has ended: {told}"


def _has_words(process: psutil.Process, words: tuple[str, ...]) -> bool:
    try:
        return set(words) <= {word.rsplit("/", 1)[-1] for word in process.cmdline()}
    except psutil.Error:
        return False


@contextlib.contextmanager
def running(profile: Profile) -> Iterator[str]:
    """The address of a code-server over ``profile``; it and its children end with the block."""
    command = [
        *profile.arguments(),
        *("--bind-addr", "127.0.0.1:0", "--auth", "none"),
        *("--disable-telemetry", "--disable-update-check"),
        *(() if profile.restricted else ("--disable-workspace-trust",)),
        "--disable-getting-started-override",
    ]
    process = subprocess.Popen(
        command,
        env=profile.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    output = _Output(process)
    try:
        yield output.address()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.close()


class _Output:
    """Reads what the process prints, so that it never waits for us; knows the address in it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._text = b""
        self._told = threading.Event()
        self._address = ""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def address(self) -> str:
        if not self._told.wait(START_SECONDS) or not self._address:
            raise AssertionError(f"code-server did not start:\n{self._text.decode()}")
        return self._address

    def close(self) -> None:
        self._thread.join(END_SECONDS)
        if self._process.stdout:
            self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._text += line
            if found := _LISTENS.search(line):
                self._address = found[1].decode()
                self._told.set()
        self._told.set()
