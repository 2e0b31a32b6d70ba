"""Killed at any moment, it leaves nothing behind that stops the next one."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import threading
import time

import pytest
from conftest import FAKE_DAEMON

from peer import Peer, served
from squill.paths import runtime_paths
from squill_daemon.instance import answers, holder

QUESTION = {"schema": "CREATE TABLE t (a INT)", "question": "how many?"}
ENDLESS = QUESTION | {"question": "hang on"}
CLIENTS = 4


class Client(threading.Thread):
    """Asks without end. ``asked`` and ``answered`` count; it ends when the connection does."""

    def __init__(self, number: int) -> None:
        super().__init__(daemon=True)
        self.asked = self.answered = 0
        self._method, self._params = [
            ("generate", QUESTION),
            ("status", {}),
            ("prefill", {"schema": "CREATE TABLE t (a INT)"}),
            ("no such method", {}),
        ][number % 4]
        self.start()

    def run(self) -> None:
        with contextlib.suppress(EOFError, OSError), Peer() as peer:
            peer.send(0, 1_000_000, "generate", [ENDLESS])
            while True:
                self.asked += 1
                peer.send(0, self.asked, self._method, [self._params])
                peer.reply(self.asked)
                self.answered += 1


def next_is_clean(start_daemon) -> None:
    assert holder(runtime_paths()) is None
    assert not answers(runtime_paths().socket)
    process = start_daemon()
    assert process.said["pid"] == process.pid == served()["pid"]
    with Peer() as peer:
        assert peer.ask(1, "generate", QUESTION)[1]["candidates"]
    names = {path.name for path in runtime_paths().directory.iterdir()}
    assert names == {runtime_paths().socket.name, runtime_paths().lock.name}
    process.kill()
    process.wait(20)


@pytest.mark.parametrize("seed", range(8))
def test_a_daemon_killed_under_load_leaves_a_clean_start(start_daemon, seed):
    moment = random.Random(seed).randrange(1, 200)
    process = start_daemon()
    clients = [Client(number) for number in range(CLIENTS)]
    while sum(client.answered for client in clients) < moment:
        assert process.poll() is None
    process.kill()
    for client in clients:
        client.join(20)
        assert not client.is_alive()  # each has seen the end of its connection
        assert client.asked - client.answered <= 1
    process.wait(20)
    next_is_clean(start_daemon)


@pytest.mark.parametrize("seed", range(8))
def test_daemons_killed_while_they_start_leave_a_clean_start(own_folders, start_daemon, seed):
    moments = random.Random(seed)
    command = [*FAKE_DAEMON, "run", "--detach"]
    starting = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ, cwd=own_folders)
        for _ in range(3)
    ]
    for process in starting:
        time.sleep(moments.uniform(0, 0.2))  # the moment itself
        process.kill()
    for process in starting:
        process.wait(20)
    next_is_clean(start_daemon)
