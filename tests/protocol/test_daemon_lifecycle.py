"""One daemon per user: starting, ending, dying, and what is left behind. Real processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from conftest import FAKE_DAEMON, TESTS

from squill.client import DaemonClient, connect_or_start, start_daemon
from squill.errors import (
    DaemonStoppingError,
    DaemonUnavailableError,
    SocketPathError,
    SquillError,
)
from squill.paths import runtime_paths
from squill_daemon.commands.daemon import main
from squill_daemon.instance import holder
from squill_daemon.peer import is_same_user

ENDLESS = {"schema": "", "question": "hang on"}


@pytest.fixture
def stopped_after(own_folders):
    yield own_folders
    main(["stop"])


async def pid() -> int:
    async with await DaemonClient.connect() as client:
        return (await client.call("status"))["pid"]


async def test_many_starters_at_once_end_with_one_daemon(stopped_after):
    assert stopped_after.is_dir()
    clients = await asyncio.gather(*(connect_or_start() for _ in range(4)))
    assert len({client.hello["pid"] for client in clients}) == 1
    for client in clients:
        await client.close()


def test_two_daemons_cannot_run_in_one_place(start_daemon):
    first, second = start_daemon(), start_daemon()
    assert first.said["pid"] == first.pid
    assert second.said["error"] == "already_running"
    assert second.wait(20) == 0
    assert first.poll() is None


async def test_a_client_that_may_not_start_one_says_how_to(own_folders):
    assert own_folders.is_dir()
    with pytest.raises(DaemonUnavailableError, match="squill daemon start"):
        await connect_or_start(start=False)


async def test_a_daemon_that_cannot_start_gives_its_reason(own_folders, monkeypatch):
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", f"{sys.executable} -c 'raise SystemExit(9)'")
    assert own_folders.is_dir()
    with pytest.raises(DaemonUnavailableError, match="exit code 9"):
        await start_daemon()


async def test_a_command_that_is_not_there_is_named(own_folders, monkeypatch):
    assert own_folders
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", "/nowhere/squill-daemon")
    with pytest.raises(DaemonUnavailableError, match="SQUILL_DAEMON_COMMAND"):
        await start_daemon()


async def test_a_killed_daemon_leaves_nothing_that_stops_the_next(start_daemon):
    first = start_daemon()
    first.kill()
    first.wait(20)
    assert runtime_paths().socket.exists()
    assert holder(runtime_paths()) is None
    with pytest.raises(DaemonUnavailableError):
        await DaemonClient.connect()
    second = start_daemon()
    assert await pid() == second.pid


async def test_a_client_learns_that_its_daemon_died(start_daemon):
    process = start_daemon()
    async with await DaemonClient.connect() as client:
        task = asyncio.create_task(client.call("generate", ENDLESS))
        await client.call("status")
        process.kill()
        with pytest.raises(DaemonUnavailableError):
            await task
        await client.wait_closed()
        assert not client.connected
        with pytest.raises(DaemonUnavailableError):
            await client.call("status")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_the_socket_goes(start_daemon, number):
    process = start_daemon()
    process.send_signal(number)
    assert process.wait(20) == 0
    assert not runtime_paths().socket.exists()


@pytest.mark.parametrize("how", ["shutdown", "signal"])
async def test_a_running_request_is_answered_before_the_end(start_daemon, how):
    process = start_daemon()
    async with await DaemonClient.connect() as client:
        began = asyncio.Event()
        task = asyncio.create_task(
            client.call("generate", ENDLESS, on_partial=lambda _: began.set())
        )
        await began.wait()
        if how == "shutdown":
            assert await client.call("shutdown") == {}
        else:
            process.terminate()
        with pytest.raises(DaemonStoppingError):
            await task
        await client.wait_closed()
    assert await asyncio.to_thread(process.wait, 20) == 0


def test_a_socket_that_another_put_there_is_not_unlinked(start_daemon):
    process = start_daemon()
    path = runtime_paths().socket
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        process.terminate()
        assert process.wait(20) == 0
        assert path.exists()


def test_a_starter_waits_for_a_daemon_that_is_ending(start_daemon):
    first = start_daemon()
    runtime_paths().socket.unlink()  # as the ending one does, before it lets go of the lock
    with subprocess.Popen([*FAKE_DAEMON, "start"], stderr=subprocess.PIPE) as starter:
        with pytest.raises(subprocess.TimeoutExpired):
            starter.wait(1)
        first.terminate()
        assert starter.wait(20) == 0
    assert holder(runtime_paths()) not in (None, first.pid)
    assert main(["stop"]) == 0


def _open_to_others(folder):
    folder.mkdir()
    folder.chmod(0o755)


def _link(folder):
    elsewhere = folder.with_name("elsewhere")
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)


def _file(folder):
    folder.write_text("")


@pytest.mark.parametrize("arrange", [_open_to_others, _link, _file])
async def test_a_directory_that_is_not_private_is_refused_by_both_sides(start_daemon, arrange):
    arrange(runtime_paths().directory)
    process = start_daemon()
    assert process.said["error"] == SocketPathError.code
    assert "chmod 700" in process.said["message"] or "can't be created" in process.said["message"]
    assert process.wait(20) == 3
    with pytest.raises(SocketPathError):
        await DaemonClient.connect()


async def test_a_long_path_is_moved_to_a_short_one(start_daemon, own_folders, monkeypatch):
    monkeypatch.setenv("SQUILL_RUNTIME_DIR", str(own_folders / ("deep" * 30)))
    process = start_daemon()
    assert len(process.said["listening"]) < 104
    assert await pid() == process.pid


def test_the_directory_and_socket_are_the_owner_s_alone(daemon):
    assert daemon.poll() is None
    paths = runtime_paths()
    assert paths.directory.stat().st_mode & 0o777 == 0o700
    assert paths.socket.stat().st_mode & 0o077 == 0
    assert paths.log.stat().st_mode & 0o077 == 0


def test_another_user_at_the_other_end_is_noticed(monkeypatch):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert is_same_user(ours)
        monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
        assert not is_same_user(ours)


async def test_every_client_hears_when_the_model_is_ready(start_daemon, own_folders):
    gate = own_folders / "gate"
    scripted = (sys.executable, str(TESTS / "scripted_daemon.py"))
    start_daemon(command=scripted, SQUILL_FAKE_GATE=str(gate))
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def note(method, params):
        heard.put_nowait((method, params["state"]))

    async with await DaemonClient.connect(on_notification=note) as client:
        assert (await client.call("status"))["state"] == "loading"
        gate.touch()
        assert await heard.get() == ("status/changed", "ready")
        await client.call("shutdown")
        assert await heard.get() == ("status/changed", "stopping")


async def test_a_daemon_that_hangs_is_told_from_one_that_is_not_there(start_daemon):
    process = start_daemon()
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(DaemonUnavailableError, match="does not answer"):
        await DaemonClient.connect(timeout=0.5)


def test_a_daemon_that_hangs_is_killed_by_stop(start_daemon, monkeypatch):
    process = start_daemon()
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr("squill_daemon.commands.daemon.STOP_SECONDS", 1)
    assert main(["stop"]) == 0
    assert process.wait(20) == -signal.SIGKILL


def test_the_commands_start_tell_and_stop(stopped_after, capsys):
    assert stopped_after.is_dir()
    assert main(["status"]) == 3
    assert "squill daemon start" in capsys.readouterr().err
    assert main(["stop"]) == 0
    assert main(["start"]) == 0
    assert main(["start"]) == 0
    assert "running already" in capsys.readouterr().err
    assert main(["status"]) == 0
    assert "fake is ready" in capsys.readouterr().out
    assert main(["status", "--json"]) == 0
    before = json.loads(capsys.readouterr().out)["pid"]
    assert main(["restart"]) == 0
    capsys.readouterr()
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pid"] != before
    assert main(["stop"]) == 0
    assert main(["status"]) == 3


def test_the_log_is_json_and_readable(daemon, capsys):
    daemon.terminate()
    daemon.wait(20)
    assert main(["logs"]) == 0
    assert "started" in capsys.readouterr().out
    assert main(["logs", "--json"]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"started", "stopping", "stopped"} <= {entry["message"] for entry in entries}
    assert all({"time", "level", "logger", "pid"} <= set(entry) for entry in entries)


async def test_the_log_holds_nothing_that_the_user_wrote(start_daemon):
    process = start_daemon()
    async with await DaemonClient.connect() as client:
        for question in ("SECRET one", "crash SECRET", "refuse SECRET"):
            with contextlib.suppress(SquillError):
                await client.call("generate", {"schema": "SECRET", "question": question})
        with contextlib.suppress(SquillError):
            await client.call("generate", {"schema": {"SECRET": 1}, "question": "SECRET"})
    process.terminate()
    process.wait(20)
    assert "SECRET" not in runtime_paths().log.read_text()


async def test_the_log_does_not_grow_for_ever(start_daemon, own_folders):
    (own_folders / "config").mkdir()
    (own_folders / "config" / "squill.toml").write_text("[daemon]\nlog_bytes = 2000\n")
    start_daemon()
    async with await DaemonClient.connect() as client:
        for _ in range(200):
            with contextlib.suppress(SquillError):
                await client.call("unknown")
    logs = list(runtime_paths().log.parent.glob("daemon.log*"))
    assert len(logs) == 4
    assert all(log.stat().st_size <= 2000 for log in logs)
    assert all(log.stat().st_mode & 0o077 == 0 for log in logs)


@pytest.mark.parametrize("arguments", [["status"], ["start"], ["stop"], ["logs"]])
def test_the_commands_import_nothing_heavy(stopped_after, arguments):
    program = (
        "import sys; from squill_daemon.commands.daemon import main; main(sys.argv[1:]); "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('mlx', 'mlx_lm', 'sqlglot')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert stopped_after.is_dir()
