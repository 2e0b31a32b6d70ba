"""Whatever bytes come, each request gets one reply or a closed connection, and others are served.

A real process with a fake model; one for all tests here, so that each has to cope with what the
ones before it left behind.
"""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
from collections import Counter
from pathlib import Path

import msgpack
import psutil
import pytest
from conftest import FAKE_DAEMON
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peer import Peer, served
from squill.errors import ProtocolError
from squill.wire import Decoder, Request, Unreadable

FRAMES = Path(__file__).parent / "frames" / "hostile.txt"
BOUNDED = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow], database=None
)
LAST = 2**40


@pytest.fixture(scope="module", autouse=True)
def daemon(tmp_path_factory, cache):
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RUNTIME", "STATE", "CONFIG", "DATA"):
            patch.setenv(f"SQUILL_{name}_DIR", str(folder / name.lower()))
        patch.setenv("SQUILL_CACHE_DIR", str(cache))
        command = [*FAKE_DAEMON, "run", "--detach"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as process:
            assert process.stdout is not None
            assert b"listening" in process.stdout.readline()
            yield psutil.Process(process.pid)
            assert process.poll() is None
            process.terminate()
            assert process.wait(20) == 0


def corpus():
    for line in FRAMES.read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            name, expected, data = line.split(" | ")
            yield pytest.param(expected.split(), unhex(data), id=name)


def unhex(text: str) -> bytes:
    parts = (part.partition("*") for part in text.split())
    return b"".join(bytes.fromhex(unit) * int(count or 1) for unit, _, count in parts)


@pytest.mark.parametrize(("expected", "data"), list(corpus()))
def test_a_hostile_frame_gets_what_it_deserves(expected, data):
    with Peer() as peer:
        peer.socket.sendall(data)
        match expected:
            case ["reply", request_id, code]:
                error, _ = peer.reply(None if request_id == "nil" else int(request_id))
                assert code == (error["code"] if error else "none")
                assert error is None or error["message"]
            case ["closed"]:
                (only,) = peer.replies()
                assert only[0] is None
                assert only[1]["code"] == ProtocolError.code
                assert "connection is closed" in only[1]["message"]
            case ["silence"]:
                pass
            case _:
                pytest.fail(f"unknown expectation {expected}")
        if expected != ["closed"]:
            peer.send(0, LAST, "status", [])
            ((first, error, _),) = [next(peer.replies())]
            assert (first, error) == (LAST, None)
    assert served()["queue"] == 0


# --- arbitrary streams ------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
METHODS = st.sampled_from(
    ["hello", "status", "generate", "prefill", "cancel", "adapters/list", "adapters/rollback"]
) | st.text(max_size=12)
FIELDS = st.sampled_from(
    [
        *("schema", "question", "dialect", "context", "n", "budget_ms", "adapter", "workspace"),
        *("background", "document", "examples", "id", "protocol", "digest"),
    ]
)
LIKELY = st.sampled_from(["", "CREATE TABLE t (a INT)", "how many?", "crash", "refuse", 1, 3, True])
PARAMS = st.lists(st.dictionaries(FIELDS, LIKELY | VALUES, max_size=6), min_size=1, max_size=1)
REQUESTS = st.tuples(st.just(0), st.integers(0, 5), METHODS, PARAMS | VALUES)
MESSAGES = (
    REQUESTS
    | st.tuples(st.just(2), st.just("cancel"), PARAMS)
    | st.tuples(st.sampled_from([0, 1, 2, 3]), VALUES, VALUES, VALUES)
    | VALUES
)
STREAMS = st.lists(MESSAGES, max_size=8).map(lambda all_: b"".join(map(msgpack.packb, all_)))


@st.composite
def damaged(draw):
    """A stream with bytes changed, left out, repeated or put in."""
    stream = bytearray(draw(STREAMS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(stream)))
        end = draw(st.integers(at, min(len(stream), at + 8)))
        stream[at:end] = draw(st.binary(max_size=8) | st.just(bytes(stream[at:end]) * 2))
    return bytes(stream)


def ends_the_daemon(message: object) -> bool:
    return isinstance(message, Request) and message.method in ("shutdown", "retire")


def awaited(stream: bytes) -> tuple[Counter[int | None], bool]:
    """The ids that a reply is due to, and whether the stream breaks."""
    due: Counter[int | None] = Counter()
    decoder = Decoder()
    try:
        for message in decoder.feed(stream):
            assert not ends_the_daemon(message)
            if isinstance(message, Request) or (
                isinstance(message, Unreadable) and message.wants_reply
            ):
                due[message.id] += 1
    except ProtocolError:
        return due + Counter([None]), True
    return due, False


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def check_stream(stream: bytes, cuts: list[int]) -> None:
    due, breaks = awaited(stream)
    with Peer() as peer:
        try:
            for piece in pieces(stream, cuts):
                peer.socket.sendall(piece)
        except ConnectionError:
            assert breaks
        if breaks:
            got = Counter(request_id for request_id, _, _ in peer.replies())
            assert not got - due  # closed: what had not been answered by then never is
            assert got[None] >= 1
        else:
            replies = peer.replies()
            got = Counter(next(replies)[0] for _ in range(due.total()))
            assert got == due
    assert served()


@BOUNDED
@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=4))
def test_each_request_of_any_stream_is_answered_once(stream, cuts):
    check_stream(stream, cuts)


@BOUNDED
@given(damaged(), st.lists(st.integers(0, 10_000), max_size=4))
def test_a_damaged_stream_is_answered_or_its_connection_closed(stream, cuts):
    check_stream(stream, cuts)


@BOUNDED
@given(st.binary(max_size=400), st.lists(st.integers(0, 10_000), max_size=4))
def test_any_bytes_at_all_are_answered_or_their_connection_closed(stream, cuts):
    check_stream(stream, cuts)


@BOUNDED
@given(STREAMS | damaged(), st.sampled_from(["leave", "reset", "read no more", "write no more"]))
def test_a_client_may_leave_in_any_way_at_any_point(stream, how):
    awaited(stream)
    with Peer(greet=how != "reset") as peer:
        peer.socket.sendall(stream)
        match how:
            case "read no more":
                peer.socket.shutdown(socket.SHUT_RD)
            case "write no more":
                peer.socket.shutdown(socket.SHUT_WR)
                list(peer.replies())  # ends: the daemon closes its side as well
    assert served()


@BOUNDED
@given(STREAMS)
def test_nobody_gets_anything_without_a_greeting(stream):
    due, _ = awaited(stream)
    with Peer(greet=False) as peer:
        peer.socket.sendall(stream)
        replies = peer.replies()
        for _ in range(due.total()):
            request_id, error, result = next(replies)
            if error is None:
                assert set(result) == {"protocol", "version", "pid"}
                return
            assert request_id in due


def test_all_that_left_no_file_open_and_no_request_behind(daemon):
    served()  # whoever left before this one has been seen off when it is answered
    assert daemon.num_fds() < 32
    assert served()["queue"] == 0
