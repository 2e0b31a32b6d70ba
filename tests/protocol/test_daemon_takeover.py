"""One daemon at a time, whoever starts it, and no request lost when one follows another."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from conftest import FAKE_DAEMON, TESTS

from peer import Peer, served
from squill.client import DaemonClient
from squill.errors import AlreadyRunningError, DaemonStoppingError, DaemonUnavailableError
from squill.paths import runtime_paths
from squill_daemon.commands.daemon import main
from squill_daemon.instance import answers, holder

TUNED = (sys.executable, str(TESTS / "tuned_daemon.py"))
SCRIPTED = (sys.executable, str(TESTS / "scripted_daemon.py"))
QUESTION = {"schema": "CREATE TABLE t (a INT)", "question": "how many?"}
ENDLESS = QUESTION | {"question": "hang on"}
OLDER, NEWER = 0, 7
"""Protocol versions that are not ours."""


def tuned(**constants):
    """Arguments of `start_daemon` that set ``module__NAME`` of the daemon."""
    named = {f"squill_daemon.{key.replace('__', '.')}": value for key, value in constants.items()}
    return {"command": TUNED, "SQUILL_TUNED": json.dumps(named)}


def version(number):
    """Arguments of `start_daemon` for one that speaks another protocol version."""
    return {
        "command": TUNED,
        "SQUILL_TUNED": json.dumps({"squill.paths.PROTOCOL_VERSION": number}),
    }


@pytest.fixture
def stopped_after(own_folders):
    yield own_folders
    main(["stop"])


@pytest.mark.parametrize("before", ["nothing", "a stale socket", "a killed daemon"])
def test_twenty_starters_at_once_end_with_one_daemon(stopped_after, start_daemon, before):
    assert stopped_after.is_dir()
    path = runtime_paths().socket
    if before == "a stale socket":
        path.parent.mkdir(mode=0o700)
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
    elif before == "a killed daemon":
        process = start_daemon()
        process.kill()
        process.wait(20)
    command = [*FAKE_DAEMON, "start", "--no-wait"]
    starters = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(20)]
    said = [starter.communicate(timeout=60)[1].decode() for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 20
    assert len([text for text in said if "already" not in text]) == 1
    assert served()["pid"] == holder(runtime_paths())


def test_a_daemon_that_neither_answers_nor_ends_is_named(start_daemon):
    start_daemon()
    runtime_paths().socket.unlink()
    second = start_daemon(**tuned(instance__ENDING_SECONDS=0.2))
    assert second.said["error"] == DaemonUnavailableError.code
    assert "squill daemon stop" in second.said["message"]


def test_a_daemon_that_is_too_busy_to_accept_is_not_replaced(start_daemon):
    process = start_daemon()
    process.send_signal(signal.SIGSTOP)
    waiting = []
    for _ in range(200):  # until its queue is full
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        waiting.append(client)
        try:
            client.connect(str(runtime_paths().socket))
        except BlockingIOError:
            break
    second = start_daemon()
    assert second.said["error"] == AlreadyRunningError.code
    for client in waiting:
        client.close()
    process.send_signal(signal.SIGCONT)
    answering = None
    while answering is None:  # the queue empties
        with contextlib.suppress(BlockingIOError):
            answering = served()["pid"]
    assert answering == process.pid


# --- another version ----------------------------------------------------------------------------


def test_an_older_daemon_that_nobody_uses_leaves_at_once(start_daemon):
    old = start_daemon(**version(OLDER))
    assert f"daemon-v{OLDER}.sock" in old.said["listening"]
    new = start_daemon()
    assert old.wait(20) == 0
    assert not runtime_paths().socket.with_name(f"daemon-v{OLDER}.sock").exists()
    assert served()["pid"] == new.pid


def test_an_older_daemon_stays_as_long_as_it_is_used(start_daemon):
    old = start_daemon(**version(OLDER))
    path = runtime_paths().socket.with_name(f"daemon-v{OLDER}.sock")
    with Peer(greet=False, path=path) as first, Peer(greet=False, path=path) as second:
        for client in (first, second):
            assert client.ask(1, "hello", {"protocol": OLDER})[0] is None
        new = start_daemon()
        log = runtime_paths().log
        while f"the daemon of protocol {OLDER} will leave" not in log.read_text():
            assert new.poll() is None
        first.socket.close()
        assert second.ask(2, "generate", QUESTION)[1]["candidates"]
        with Peer(greet=False, path=path) as third:  # an editor that was never closed comes back
            assert third.ask(1, "hello", {"protocol": OLDER})[0] is None
        assert second.ask(3, "generate", QUESTION)[1]["candidates"]
        assert old.poll() is None
    assert old.wait(20) == 0
    assert served()["pid"] == new.pid


@pytest.mark.parametrize("what", ["hangs", "was killed", "is a file"])
def test_an_older_daemon_that_cannot_be_asked_is_left_alone(start_daemon, what):
    path = runtime_paths().socket.with_name(f"daemon-v{OLDER}.sock")
    if what == "is a file":
        path.parent.mkdir(mode=0o700)
        path.write_text("")
    else:
        old = start_daemon(**version(OLDER))
        old.send_signal(signal.SIGSTOP if what == "hangs" else signal.SIGKILL)
    new = start_daemon(**tuned(takeover__ANSWER_SECONDS=0.2))
    log = runtime_paths().log
    while f"the daemon of protocol {OLDER} does not answer" not in log.read_text():
        assert new.poll() is None
    assert served()["pid"] == new.pid


def test_a_newer_daemon_is_not_sent_away(start_daemon):
    newer = start_daemon(**version(NEWER))
    older = start_daemon(**version(OLDER))
    ours = start_daemon()
    assert older.wait(20) == 0  # so ours has asked whom it asks
    assert served()["pid"] == ours.pid
    path = runtime_paths().socket.with_name(f"daemon-v{NEWER}.sock")
    with Peer(greet=False, path=path) as peer:
        assert peer.ask(1, "hello", {"protocol": NEWER})[1]["pid"] == newer.pid
    assert newer.poll() is None


async def test_a_daemon_asked_to_retire_leaves_with_its_last_client(daemon):
    async with await DaemonClient.connect() as other:
        async with await DaemonClient.connect() as asking:
            assert await asking.call("retire") == {}
        assert (await other.call("generate", QUESTION))["candidates"]
        assert daemon.poll() is None
    assert daemon.wait(20) == 0
    assert not runtime_paths().socket.exists()


# --- an orderly end -----------------------------------------------------------------------------


def begun(peer, *questions):
    """Ask ``questions`` with the ids from 1, the daemon having taken all when this returns."""
    for number, question in enumerate(questions, 1):
        peer.send(0, number, "generate", [question])
    error, _ = peer.ask(1000, "status")
    assert error is None


@pytest.mark.parametrize("how", ["shutdown", "terminate", "interrupt"])
def test_what_is_not_answered_before_the_end_is_told_so(daemon, how):
    with Peer() as peer:
        begun(peer, *[ENDLESS] * 10)
        if how == "shutdown":
            peer.send(0, 2000, "shutdown", [])
        else:
            daemon.send_signal(signal.SIGTERM if how == "terminate" else signal.SIGINT)
        outcomes = {request_id: error for request_id, error, _ in peer.replies()}
    if how == "shutdown":
        assert outcomes.pop(2000) is None
    assert sorted(outcomes) == list(range(1, 11))
    assert {error["code"] for error in outcomes.values()} == {DaemonStoppingError.code}
    assert daemon.wait(20) == 0


def test_a_draining_daemon_answers_what_it_has_taken_and_refuses_more(start_daemon, own_folders):
    gate = own_folders / "gate"
    script = json.dumps({"how many?": ["SELECT 42"]})
    process = start_daemon(command=SCRIPTED, SQUILL_FAKE_GATE=str(gate), SQUILL_FAKE_ANSWERS=script)
    with Peer() as peer, Peer() as other:
        begun(peer, *[QUESTION] * 5)
        assert other.ask(1, "shutdown", {"drain": True}) == (None, {})
        for method in ("generate", "prefill", "hello"):
            error, _ = other.ask(2, method, QUESTION)
            assert error["code"] == DaemonStoppingError.code
        assert other.ask(3, "status")[1]["queue"] == 5
        assert not answers(runtime_paths().socket)
        gate.touch()
        outcomes = {request_id: result for request_id, _, result in peer.replies()}
        assert list(other.replies()) == []
    assert sorted(outcomes) == [1, 2, 3, 4, 5]
    assert all(result["candidates"][0]["sql"] == "SELECT 42" for result in outcomes.values())
    assert process.wait(20) == 0


def test_a_restart_answers_every_question_that_was_asked(stopped_after, monkeypatch):
    gate = stopped_after / "gate"
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", " ".join(SCRIPTED))
    monkeypatch.setenv("SQUILL_FAKE_GATE", str(gate))
    monkeypatch.setenv("SQUILL_FAKE_ANSWERS", json.dumps({"how many?": ["SELECT 42"]}))
    assert main(["start", "--no-wait"]) == 0
    first = served()["pid"]
    with Peer() as peer:
        begun(peer, *[QUESTION] * 3)
        with subprocess.Popen([*SCRIPTED, "restart", "--no-wait"]) as restart:
            while '"stopping"' not in runtime_paths().log.read_text():
                assert restart.poll() is None
            gate.touch()
            outcomes = [error for _, error, _ in peer.replies()]
            assert restart.wait(60) == 0
    assert outcomes == [None] * 3
    assert served()["pid"] != first


def test_a_daemon_that_takes_no_client_more_is_stopped_in_order(start_daemon):
    process = start_daemon(**tuned(server__MOST_CONNECTIONS=1))
    with Peer() as peer:
        begun(peer, ENDLESS)
        assert main(["stop"]) == 0
        assert peer.reply(1)[0]["code"] == DaemonStoppingError.code
    assert process.wait(20) == 0


async def test_a_client_too_many_hears_why(start_daemon):
    process = start_daemon(**tuned(server__MOST_CONNECTIONS=1))
    async with await DaemonClient.connect():
        with pytest.raises(DaemonUnavailableError, match="1 clients are connected"):
            await DaemonClient.connect()
    assert process.poll() is None


def test_draining_has_its_time(start_daemon):
    process = start_daemon(**tuned(server__DRAIN_SECONDS=0.2))
    with Peer() as peer:
        begun(peer, ENDLESS)
        peer.send(0, 2, "shutdown", [{"drain": True}])
        outcomes = {request_id: error for request_id, error, _ in peer.replies()}
    assert outcomes[2] is None
    assert outcomes[1]["code"] == DaemonStoppingError.code
    assert process.wait(20) == 0


@pytest.mark.parametrize("how", ["shutdown", "terminate", "cancel", "leave"])
def test_draining_ends_early(start_daemon, how):
    process = start_daemon(**tuned(server__DRAIN_SECONDS=1000))
    with Peer() as peer:
        begun(peer, ENDLESS)
        assert peer.ask(2, "shutdown", {"drain": True}) == (None, {})
        match how:
            case "shutdown":
                peer.send(0, 3, "shutdown", [])
            case "terminate":
                process.terminate()
            case "cancel":
                peer.send(0, 3, "cancel", [{"id": 1}])
        if how != "leave":
            codes = {"cancel": "cancelled"}.get(how, DaemonStoppingError.code)
            assert peer.reply(1)[0]["code"] == codes
    assert process.wait(20) == 0


# --- files that vanish --------------------------------------------------------------------------


def test_a_socket_that_a_cleaner_removed_comes_back(start_daemon):
    process = start_daemon(**tuned(server__WATCH_SECONDS=0.05))
    path = runtime_paths().socket
    with Peer() as before:
        path.unlink()
        while not answers(path):
            assert process.poll() is None
        assert before.ask(1, "status")[0] is None
        assert served()["pid"] == process.pid
        assert path.stat().st_mode & 0o077 == 0
    process.terminate()
    assert process.wait(20) == 0
    assert not path.exists()


def test_a_starter_meanwhile_finds_the_daemon_that_is_there(start_daemon):
    process = start_daemon(**tuned(server__WATCH_SECONDS=0.5))
    runtime_paths().socket.unlink()
    assert start_daemon().said["error"] == AlreadyRunningError.code
    assert served()["pid"] == process.pid


@pytest.mark.parametrize("what", ["lock", "directory"])
def test_a_daemon_whose_lock_is_gone_leaves_the_place_to_the_next(start_daemon, what):
    old = start_daemon(**tuned(server__WATCH_SECONDS=0.05))
    with Peer() as client:
        if what == "lock":
            runtime_paths().lock.unlink()
            runtime_paths().socket.unlink()
        else:
            shutil.rmtree(runtime_paths().directory)
        new = start_daemon()
        assert new.said["pid"] == new.pid
        while "the lock's file is gone" not in runtime_paths().log.read_text():
            assert old.poll() is None
        assert client.ask(1, "generate", QUESTION)[1]["candidates"]
        assert old.poll() is None
    assert old.wait(20) == 0
    assert served()["pid"] == new.pid
