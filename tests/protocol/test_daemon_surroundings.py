"""What a system does to a process that runs for months: signals, full disks, files that vanish."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from conftest import FAKE_DAEMON, TESTS

from peer import Peer, served
from squill.errors import DaemonError, SocketPathError
from squill.paths import runtime_paths
from squill_daemon.commands.daemon import main
from squill_daemon.instance import answers, holder

QUESTION = {"schema": "CREATE TABLE t (a INT)", "question": "how many?"}
RUN = [*FAKE_DAEMON, "run", "--detach"]

LINUX_ROOT = sys.platform.startswith("linux") and os.getuid() == 0
BOUND_BY_MODES = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if LINUX_ROOT else []
"""What makes a command of root's obey the modes of files, as everybody else's does."""

needs_setpriv = pytest.mark.skipif(
    LINUX_ROOT and shutil.which("setpriv") is None, reason="root may write anywhere"
)


def answered() -> bool:
    with Peer() as peer:
        error, result = peer.ask(1, "generate", QUESTION)
        return error is None and bool(result["candidates"])


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGPIPE])
def test_a_daemon_in_the_background_survives_a_signal_that_is_not_meant_to_end_it(
    own_folders, number
):
    assert own_folders.is_dir()
    assert main(["start"]) == 0
    before = served()["pid"]
    for _ in range(5):
        os.kill(before, number)
        assert served()["pid"] == before
    assert main(["stop"]) == 0


def test_a_daemon_in_a_terminal_ends_in_order_when_the_terminal_goes(own_folders):
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)

    def take_terminal() -> None:
        os.close(os.open(name, os.O_RDWR))  # a session's leader gets it as its own

    command = [*FAKE_DAEMON, "run"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=take_terminal,
        cwd=own_folders,
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert b"listening" in process.stdout.readline()
        with Peer() as peer:
            peer.send(0, 1, "generate", [QUESTION | {"question": "hang on"}])
            peer.wait_for_text()
            os.close(ours)
            assert peer.reply(1)[0]["code"] == "daemon_stopping"
        assert process.wait(20) == 0
    assert not runtime_paths().socket.exists()


def test_a_daemon_whose_starter_closed_the_standard_streams_keeps_its_files(own_folders):
    script = 'exec "$@" <&- >&- 2>&-'
    with subprocess.Popen(["sh", "-c", script, "sh", *RUN], cwd=own_folders) as process:
        try:
            while not answers(runtime_paths().socket):
                assert process.poll() is None
            assert answered()
            assert holder(runtime_paths()) == process.pid
            assert main(["start"]) == 0
            assert served()["pid"] == process.pid
        finally:
            process.terminate()
            assert process.wait(20) == 0
    # Its files had the streams' numbers otherwise, and letting go of the starter closed them.
    assert '"stopped"' in runtime_paths().log.read_text()


def test_a_starter_that_does_not_read_does_not_stop_the_daemon(own_folders):
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(RUN, stdout=writing, cwd=own_folders) as process:
        os.close(writing)
        try:
            while not answers(runtime_paths().socket):
                assert process.poll() is None
            assert answered()
        finally:
            process.terminate()
            assert process.wait(20) == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_folder_that_it_is_started_in_may_go(own_folders, when):
    folder = own_folders / "gone"
    folder.mkdir()
    vanish = 'rmdir "$0" && exec "$@"' if when == "before" else 'exec "$@"'
    with subprocess.Popen(
        ["sh", "-c", vanish, folder, *RUN], stdout=subprocess.PIPE, cwd=folder
    ) as process:
        assert process.stdout is not None
        assert b"listening" in process.stdout.readline()
        if when == "after":
            folder.rmdir()
        assert not folder.exists()
        assert answered()
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_silences_the_log_and_nothing_else(own_folders):
    log = runtime_paths().log
    log.parent.mkdir(parents=True)
    log.symlink_to("/dev/full")
    with subprocess.Popen(
        RUN, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=own_folders
    ) as process:
        assert process.stdout is not None
        assert b"listening" in process.stdout.readline()
        with Peer() as peer:
            for number in range(1, 200):
                assert peer.ask(number, "unknown")[0]["code"] == "unknown_method"
        assert answered()
        process.terminate()
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0
    assert errors.decode().splitlines() == [f"The log {log} is not written: {os.strerror(28)}."]


@needs_setpriv
def test_a_log_that_may_not_be_written_stops_nothing_else(start_daemon):
    log = runtime_paths().log
    log.parent.mkdir(parents=True)
    log.touch(mode=0o400)
    log.parent.chmod(0o500)
    process = start_daemon(command=(*BOUND_BY_MODES, *FAKE_DAEMON))
    assert process.said["pid"] == process.pid
    assert answered()
    log.parent.chmod(0o700)
    assert log.read_text() == ""


@needs_setpriv
@pytest.mark.parametrize(
    ("folder", "kept_out", "error", "advice"),
    [
        ("runtime", "runtime", SocketPathError, "SQUILL_RUNTIME_DIR"),
        (".", "runtime", SocketPathError, "SQUILL_RUNTIME_DIR"),
        (".", "state", DaemonError, "SQUILL_STATE_DIR"),
    ],
)
def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(
    start_daemon, own_folders, folder, kept_out, error, advice
):
    (own_folders / folder).mkdir(exist_ok=True, mode=0o700)
    if kept_out != "runtime":
        runtime_paths().directory.mkdir(mode=0o700)
    (own_folders / folder).chmod(0o500)
    process = start_daemon(command=(*BOUND_BY_MODES, *FAKE_DAEMON))
    (own_folders / folder).chmod(0o700)
    assert process.said["error"] == error.code
    assert str(own_folders) in process.said["message"]
    assert advice in process.said["message"]
    assert process.wait(20) == 3


@pytest.mark.parametrize("what", ["link", "folder", "pipe"])
def test_a_lock_that_is_no_file_is_refused(start_daemon, own_folders, what):
    lock = runtime_paths().lock
    lock.parent.mkdir(mode=0o700)
    match what:
        case "link":
            (own_folders / "precious").write_text("kept")
            lock.symlink_to(own_folders / "precious")
        case "folder":
            lock.mkdir()
        case "pipe":
            os.mkfifo(lock)
    process = start_daemon()
    assert process.said["error"] == SocketPathError.code
    assert str(lock) in process.said["message"]
    assert process.wait(20) == 3
    if what == "link":
        assert (own_folders / "precious").read_text() == "kept"


def test_a_socket_s_place_that_is_taken_is_named(start_daemon):
    path = runtime_paths().socket
    path.parent.mkdir(mode=0o700)
    path.mkdir()
    process = start_daemon()
    assert process.said["error"] == SocketPathError.code
    assert str(path) in process.said["message"]
    assert process.wait(20) == 3


@pytest.mark.skipif(not LINUX_ROOT, reason="only root can give a folder to somebody else")
def test_a_directory_that_belongs_to_somebody_else_is_refused(start_daemon):
    directory = runtime_paths().directory
    directory.mkdir(mode=0o700)
    os.chown(directory, 65534, 65534)
    process = start_daemon()
    assert process.said["error"] == SocketPathError.code
    assert "belongs to user 65534" in process.said["message"]


@pytest.mark.skipif(not LINUX_ROOT, reason="only root can be somebody else")
def test_another_user_who_gets_at_the_socket_is_not_served(daemon):
    assert daemon.poll() is None
    somebody = [
        *("setpriv", "--reuid=65534", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
    ]
    program = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
        "try:\n"
        "    s.sendall(bytes.fromhex(sys.argv[2])); said = s.recv(1000)\n"
        "except ConnectionError:\n"
        "    said = b''\n"
        "print(os.getuid(), said)"
    )
    hello = "940001a568656c6c6f9181a870726f746f636f6c01"
    command = [*somebody, sys.executable, "-I", "-c", program, str(runtime_paths().socket), hello]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "65534 b''"
    assert answered()


def test_it_listens_on_a_unix_socket_and_nowhere_else(daemon):
    assert answered()
    connections = psutil.Process(daemon.pid).net_connections("all")
    assert {connection.family for connection in connections} == {socket.AF_UNIX}
    assert str(runtime_paths().socket) in {connection.laddr for connection in connections}


def test_what_it_writes_is_its_user_s_alone(start_daemon, own_folders, monkeypatch):
    monkeypatch.setenv("SQUILL_CACHE_DIR", str(own_folders / "cache"))
    previous = os.umask(0o000)
    try:
        start_daemon()
    finally:
        os.umask(previous)
    assert answered()
    written = [path for path in own_folders.rglob("*") if not path.is_dir()]
    assert {path.name for path in written} >= {"daemon.log", runtime_paths().socket.name}
    assert [path for path in written if path.lstat().st_mode & 0o077] == []


def test_a_socket_path_that_is_too_long_is_named(start_daemon):
    # The path that is derived is moved to a short one; this is what is left of the check.
    command = (sys.executable, str(TESTS / "tuned_daemon.py"))
    constants = json.dumps({"squill_daemon.instance.SOCKET_PATH_LIMIT": 10})
    process = start_daemon(command=command, SQUILL_TUNED=constants)
    assert process.said["error"] == SocketPathError.code
    assert "over 10 bytes" in process.said["message"]
