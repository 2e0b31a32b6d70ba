"""Folders of their own for every test, and real daemons in real processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgpack
import pytest

from squill.client import DaemonClient
from squill.paths import runtime_paths

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

TESTS = Path(__file__).parent.parent
FAKE_DAEMON = (sys.executable, str(TESTS / "fake_daemon.py"))
REAL_DAEMON = (sys.executable, "-m", "squill_daemon")

# What a shell's background job or nohup ignores, every child would ignore as well.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session", autouse=True)
def network_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where every Python process that a test starts notes what it would do on a network."""
    log = tmp_path_factory.mktemp("network") / "log.txt"
    log.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(TESTS / "network_guard"))
        patch.setenv("SQUILL_TEST_NETWORK_LOG", str(log))
        yield log


@pytest.fixture(autouse=True)
def no_network(network_log: Path) -> Iterator[None]:
    """A test fails whose daemon, language server, trainer or command opened a network socket."""
    before = network_log.read_text()
    yield
    assert network_log.read_text() == before


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled kernels, shared by the session's daemons."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def own_folders(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process and its children see no daemon, settings or logs but the test's own."""
    for name in ("RUNTIME", "STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"SQUILL_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("SQUILL_CACHE_DIR", str(cache))
    monkeypatch.delenv("SQUILL_MODEL", raising=False)
    monkeypatch.setenv("SQUILL_TRUST", "1")
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", " ".join(FAKE_DAEMON))
    return tmp_path


@pytest.fixture
def start_daemon(own_folders: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts daemons in the foreground; each has said what it says before the call returns."""
    started: list[subprocess.Popen[bytes]] = []

    def start(
        *options: str, command: tuple[str, ...] = FAKE_DAEMON, **environment: str
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*command, "run", "--detach", *options],
            stdout=subprocess.PIPE,
            env=os.environ | environment,
            cwd=own_folders,
        )
        started.append(process)
        assert process.stdout is not None
        process.said = json.loads(process.stdout.readline() or b"{}")  # type: ignore[attr-defined]
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def daemon(
    start_daemon: Callable[..., subprocess.Popen[bytes]],
) -> subprocess.Popen[bytes]:
    return start_daemon()


@pytest.fixture
async def client(daemon: subprocess.Popen[bytes]) -> AsyncIterator[DaemonClient]:
    assert daemon.poll() is None
    async with await DaemonClient.connect() as connected:
        yield connected


class RawClient:
    """Speaks plain MessagePack, as any program might; greets nobody by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._unpacker = msgpack.Unpacker()

    async def send(self, *message: object) -> None:
        self.writer.write(msgpack.packb(message))
        await self.writer.drain()

    async def receive(self) -> list[object]:
        """The next message; `EOFError` where the daemon has closed the connection."""
        while True:
            for message in self._unpacker:
                return list(message)
            data = await asyncio.wait_for(self.reader.read(65536), 20)
            if not data:
                raise EOFError
            self._unpacker.feed(data)

    async def reply(self, request_id: int | None) -> tuple[object, object]:
        """Error and result of the reply to a request, past everything else."""
        while True:
            kind, *rest = await self.receive()
            if kind == 1 and rest[0] == request_id:
                return rest[1], rest[2]

    async def ask(self, request_id: int, method: str, *params: object) -> tuple[object, object]:
        await self.send(0, request_id, method, list(params))
        return await self.reply(request_id)


@pytest.fixture
async def raw(daemon: subprocess.Popen[bytes]) -> AsyncIterator[RawClient]:
    assert daemon.poll() is None
    reader, writer = await asyncio.open_unix_connection(runtime_paths().socket)
    yield RawClient(reader, writer)
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@pytest.fixture
async def greeted(raw: RawClient) -> RawClient:
    error, _ = await raw.ask(0, "hello", {"protocol": 1})
    assert error is None
    return raw
