"""A real Neovim in a process group of its own, headless, driven over its socket by pynvim."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pynvim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PLUGIN = Path(__file__).parents[3] / "editors" / "nvim"
PROGRAM = shutil.which(
    "nvim", path=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])
)

INIT = f"vim.opt.runtimepath:append('{PLUGIN}')\n"

LISTEN = """
local channel = ...
for name, event in pairs({ ghost = 'SquillGhost', status = 'SquillStatus' }) do
  vim.api.nvim_create_autocmd('User', { pattern = event, callback = function(info)
    vim.rpcnotify(channel, name, info.data or vim.empty_dict())
  end })
end
vim.notify = function(message) vim.rpcnotify(channel, 'said', message) end
vim.api.nvim_create_autocmd('BufWinEnter', { pattern = 'squill://*', callback = function(info)
  vim.rpcnotify(channel, 'window', info.file)
end })
vim.api.nvim_buf_attach(0, false, { on_lines = function()
  vim.rpcnotify(channel, 'lines')
end })
"""


@dataclass
class Session:
    """``nvim`` is pynvim's client. ``heard`` are the events so far that nobody waited for."""

    nvim: pynvim.Nvim
    process: subprocess.Popen[bytes]
    heard: list[tuple[str, Any]] = field(default_factory=list)

    def lua(self, code: str, *arguments: Any) -> Any:
        return self.nvim.exec_lua(code, *arguments)

    def keys(self, keys: str) -> None:
        """Type, as at a keyboard; returns before all is typed."""
        self.nvim.input(keys)

    def event(self, name: str, matches: Callable[[Any], bool] = lambda _: True) -> Any:
        """Wait for an event; those before it are forgotten. The test's timeout is the limit."""
        while True:
            if self.heard:
                kind, data = self.heard.pop(0)
            else:
                _, kind, [*rest] = self.nvim.next_message()
                data = rest[0] if rest else None
            if kind == name and matches(data):
                return data

    def until(self, condition: Callable[[], bool], name: str = "lines") -> None:
        """Wait until ``condition`` holds, looking again at each event of that name."""
        while not condition():
            self.event(name)

    @property
    def text(self) -> str:
        return "\n".join(self.nvim.current.buffer[:])

    @property
    def ghost(self) -> str:
        """The ghost text as it is shown, or an empty text."""
        return str(
            self.lua(
                """
            local space = vim.api.nvim_create_namespace('squill.ghost')
            local said = {}
            local marks = vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })
            for _, mark in ipairs(marks) do
              for _, chunk in ipairs(mark[4].virt_text or {}) do table.insert(said, chunk[1]) end
              for _, line in ipairs(mark[4].virt_lines or {}) do
                table.insert(said, '\\n')
                for _, chunk in ipairs(line) do table.insert(said, chunk[1]) end
              end
            end
            return table.concat(said)
            """
            )
        )

    def ready(self) -> None:
        """Wait until the server serves this buffer."""
        self.until(
            lambda: bool(self.lua("return #vim.lsp.get_clients({ name = 'squill' }) > 0")), "status"
        )

    def comes_true(self, condition: str) -> None:
        """Wait for what Neovim itself sees only by looking again."""
        assert self.lua(f"return vim.wait(20000, function() return {condition} end, 5)"), condition

    def server(self, command: str) -> Any:
        """The answer of one of the server's commands, which has all changes of the text by then."""
        code = """
            local client = vim.lsp.get_clients({ name = 'squill' })[1]
            local params = { command = ..., arguments = { vim.empty_dict() } }
            local buf = vim.api.nvim_get_current_buf()
            return client:request_sync('workspace/executeCommand', params, 20000, buf)
        """
        return self.lua(code, command)["result"]

    def daemon_pid(self) -> int:
        """Of the daemon that this server uses."""
        return int(self.server("squill.status")["daemon"]["pid"])

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def window(self) -> list[str]:
        """The text of the window that a command opens."""
        self.event("window")
        return list(self.nvim.current.buffer[:])


@contextlib.contextmanager
def neovim(
    environment: Mapping[str, str], folder: Path, file: str = "work.sql", init: str = ""
) -> Iterator[Session]:
    """A fresh profile in ``folder``, with ``file`` (in its folder ``project``) open."""
    assert PROGRAM is not None
    project = folder / "project"
    project.mkdir(exist_ok=True)
    (folder / "init.lua").write_text(init + INIT)
    path = Path(environment["SQUILL_RUNTIME_DIR"]) / "nvim.sock"
    process = subprocess.Popen(
        [
            PROGRAM,
            "--headless",
            "--clean",
            "-n",
            "-u",
            str(folder / "init.lua"),
            "--listen",
            str(path),
            file,
        ],
        cwd=project,
        env=own_home(environment, folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _listens(path):
            assert process.poll() is None, "Neovim ended by itself"
            time.sleep(0.005)
        nvim = pynvim.attach("socket", path=str(path))
        session = Session(nvim, process)
        session.lua(LISTEN, nvim.channel_id)
        yield session
        with contextlib.suppress(OSError, EOFError):
            nvim.command("qall!")
        process.wait(20)
        nvim.close()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _listens(path: Path) -> bool:
    """The file is there a moment before anybody listens."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def own_home(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment with everything that Neovim keeps for its user below ``folder``."""
    names = ("CONFIG_HOME", "DATA_HOME", "STATE_HOME", "CACHE_HOME")
    own = {f"XDG_{name}": str(folder / "xdg" / name.lower()) for name in names}
    path = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    return {**environment, **own, "HOME": str(folder), "PATH": path}
