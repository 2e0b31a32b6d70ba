"""A daemon that is asked for too much: it stays small, says so, and serves the others."""

from __future__ import annotations

import json
import select
import socket
import sys
import threading
from collections import Counter
from contextlib import ExitStack, suppress

import msgpack
import psutil
import pytest
from conftest import TESTS

from peer import Peer, served
from squill.errors import DaemonBusyError
from squill.framing import FRAME_LIMIT
from squill.paths import runtime_paths

TUNED = (sys.executable, str(TESTS / "tuned_daemon.py"))
QUESTION = {"schema": "CREATE TABLE t (a INT)", "question": "how many?"}
ENDLESS = QUESTION | {"question": "hang on"}
MB = 1_000_000


def tuned(**constants: object) -> dict[str, str]:
    """Arguments of `start_daemon` that set ``module__NAME`` of the daemon."""
    named = {f"squill_daemon.{key.replace('__', '.')}": value for key, value in constants.items()}
    return {"command": TUNED, "SQUILL_TUNED": json.dumps(named)}


def memory(process) -> int:
    return psutil.Process(process.pid).memory_info().rss


class Sender(threading.Thread):
    """Sends without reading, as far as the daemon takes it. ``sent`` counts bytes."""

    def __init__(self, peer: Peer, data: bytes) -> None:
        super().__init__(daemon=True)
        self._peer, self._data, self.sent = peer, data, 0
        self.start()

    def run(self) -> None:
        try:
            while self.sent < len(self._data):
                self.sent += self._peer.socket.send(self._data[self.sent : self.sent + 4096])
        except OSError:
            pass  # the connection is closed at the end of the test

    def until_stuck(self) -> None:
        """Returns when the daemon has answered others for a while and taken nothing from us."""
        quiet = 0
        while quiet < 200 and self.is_alive():
            before = self.sent
            served()
            quiet = quiet + 1 if self.sent == before else 0


@pytest.mark.parametrize("method", ["generate", "status", "unknown", "hello"])
def test_ten_thousand_requests_without_reading_cost_little_and_are_all_answered(daemon, method):
    count = 10_000
    served()
    before = memory(daemon)
    requests = b"".join(msgpack.packb([0, n, method, [QUESTION]]) for n in range(1, count + 1))
    with Peer() as peer:
        sender = Sender(peer, requests)
        sender.until_stuck()
        assert memory(daemon) - before < 40 * MB
        got: Counter[int] = Counter()
        replies = peer.replies()
        while got.total() < count:
            got[next(replies)[0]] += 1
        assert set(got.values()) == {1}
        peer.send(0, count + 1, "status", [{}])
        assert next(replies)[0] == count + 1


def test_requests_that_are_never_read_are_forgotten_with_their_client(daemon):
    served()
    before = memory(daemon)
    for _ in range(10):
        with Peer() as peer:
            requests = (msgpack.packb([0, n, "status", []]) for n in range(20_000))
            Sender(peer, b"".join(requests)).until_stuck()
    served()
    assert memory(daemon) - before < 40 * MB
    assert psutil.Process(daemon.pid).num_fds() < 32


# Each would come to hundreds of megabytes as Python's objects.
BOMBS = {
    "empty maps": b"\xdd\x00\x03\x0d\x40" + b"\x80" * 200_000,
    "empty lists": b"\xdd\x00\x03\x0d\x40" + b"\x90" * 200_000,
    "maps of one": b"\xdd\x00\x03\x0d\x40" + b"\x81\x01\x80" * 200_000,
    "numbers": b"\xdd\x00\x03\x0d\x40" + b"\xcd\xff\xff" * 200_000,
    "texts": b"\xdd\x00\x03\x0d\x40" + b"\xa2ab" * 200_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_frame_of_very_many_small_objects_is_given_up(daemon, name):
    frame = b"\x94\x00\x07\xa6status\xdc\x00\x28" + BOMBS[name] * 12
    served()
    before = memory(daemon)
    with Peer() as peer:
        Sender(peer, frame)
        (only,) = peer.replies()
        assert "over 1000000 objects" in only[1]["message"]
    assert served()
    assert memory(daemon) - before < 80 * MB


def test_a_frame_that_never_ends_is_passed_over_in_bounded_time(daemon):
    assert daemon.poll() is None
    endless = b"\xdc\xff\xff" + (b"\xdd\x00\x03\x0d\x40" + b"\x01" * 200_000) * 60
    with Peer() as peer:
        Sender(peer, endless)
        (only,) = peer.replies()
        assert "objects in one frame" in only[1]["message"]
    assert served()


def test_frames_that_many_clients_never_finish_are_forgotten_with_them(daemon):
    served()
    before = memory(daemon)
    unfinished = msgpack.packb([0, 1, "generate", ["x" * FRAME_LIMIT]])[: FRAME_LIMIT - 100]
    for _ in range(3):
        with ExitStack() as stack:
            for _ in range(7):
                stack.enter_context(Peer()).socket.sendall(unfinished)
            assert served()
    served()
    assert memory(daemon) - before < 60 * MB


def test_there_is_room_for_eight_of_the_longest_unfinished_frames_and_no_more(daemon):
    while served()["state"] != "ready":  # from here on nobody is notified of anything
        pass
    before = memory(daemon)
    unfinished = msgpack.packb([0, 1, "generate", ["x" * FRAME_LIMIT]])[: FRAME_LIMIT - 100]
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer()) for _ in range(12)]
        for peer in peers:
            with suppress(ConnectionError):
                peer.socket.sendall(unfinished)
        refused: list[socket.socket] = []
        while len(refused) < 4:
            refused, _, _ = select.select([peer.socket for peer in peers], [], [])
        assert memory(daemon) - before < 200 * MB
        for peer in peers:
            if peer.socket in refused:
                (only,) = peer.replies()
                assert "unfinished messages" in only[1]["message"]
        assert served()
        held = [peer.socket for peer in peers if peer.socket not in refused]
        assert select.select(held, [], [], 0)[0] == []
    assert served()


def test_a_frame_that_comes_byte_by_byte_holds_nobody_up(daemon):
    assert daemon.poll() is None
    with Peer() as slow:
        for byte in msgpack.packb([0, 1, "status", []]):
            slow.socket.sendall(bytes([byte]))
            assert served()
        assert slow.reply(1)[0] is None


def test_a_client_that_does_not_greet_is_sent_away(start_daemon):
    start_daemon(**tuned(connection__GREETING_SECONDS=0.2))
    with Peer() as polite, Peer(greet=False) as silent, Peer(greet=False) as chatty:
        chatty.send(0, 1, "status", [])
        for rude in (silent, chatty):
            *_, (request_id, error, _) = rude.replies()
            assert request_id is None
            assert "hello" in error["message"]
        assert polite.ask(2, "status")[0] is None


def test_one_client_too_many_is_told_so_and_the_next_one_served(start_daemon):
    start_daemon(**tuned(server__MOST_CONNECTIONS=4))
    with ExitStack() as stack:
        clients = [stack.enter_context(Peer()) for _ in range(4)]
        for _ in range(20):
            with Peer(greet=False) as refused:
                (only,) = refused.replies()
                assert only[0] is None
                assert only[1]["code"] == DaemonBusyError.code
                assert "try again" in only[1]["message"]
        for client in clients:
            assert client.ask(1, "status")[0] is None
        clients[0].socket.shutdown(socket.SHUT_WR)
        state = ""
        while not state:  # until the daemon has noticed
            with suppress(EOFError):
                state = served()["state"]
    log = runtime_paths().log.read_text()
    assert log.count("connection refused") == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sets another process's limit")
def test_without_file_descriptors_clients_wait_and_are_served_later(daemon):
    watched = psutil.Process(daemon.pid)
    served()
    with ExitStack() as stack:
        first = stack.enter_context(Peer())
        room = watched.num_fds() + 4
        watched.rlimit(psutil.RLIMIT_NOFILE, (room, room))
        crowd = [stack.enter_context(Peer(greet=False)) for _ in range(40)]
        for peer in crowd:
            peer.send(0, 1, "hello", [{"protocol": 1}])
        assert first.ask(1, "status")[0] is None
        assert watched.num_fds() <= room
        for peer in crowd:  # each takes the place of one before
            assert peer.reply(1)[0] is None
            peer.socket.close()
        assert first.ask(2, "status")[0] is None
    assert served()
    assert runtime_paths().log.read_text().count("connections wait") >= 1


def test_a_client_that_ends_its_side_has_gone(daemon):
    assert daemon.poll() is None
    with Peer() as peer:
        peer.send(0, 1, "generate", [ENDLESS])
        peer.wait_for_text()
        peer.socket.shutdown(socket.SHUT_WR)
        assert list(peer.replies()) == []
        while served()["queue"]:
            pass


def test_a_client_that_can_no_longer_read_has_gone(daemon):
    assert daemon.poll() is None
    with Peer() as peer:
        peer.send(0, 1, "generate", [ENDLESS])
        peer.wait_for_text()
        peer.socket.shutdown(socket.SHUT_RD)
        while served()["queue"]:
            pass
        with pytest.raises(ConnectionError):
            peer.socket.sendall(bytes(10 * MB))


def test_an_id_may_be_used_again_once_its_reply_is_there(daemon):
    assert daemon.poll() is None
    with Peer() as peer:
        for _ in range(300):
            peer.send(0, 5, "generate", [QUESTION])
            assert peer.reply(5)[0] is None
