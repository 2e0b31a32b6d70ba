"""What goes in comes out, however the stream is cut; what is too long is passed over."""

from __future__ import annotations

import itertools

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squill.errors import FrameTooLargeError, InvalidParamsError, ProtocolError, UnknownMethodError
from squill.framing import Framer, Oversized
from squill.wire import (
    Decoder,
    Notification,
    Request,
    Response,
    Unreadable,
    arguments,
    pack,
    result_of,
)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=300)
    | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=20),
    max_leaves=20,
)
MESSAGES = (
    st.builds(Request, st.integers(0, 2**32 - 1), st.text(), VALUES)
    | st.builds(Response, st.none() | st.integers(0, 2**32 - 1), VALUES, VALUES)
    | st.builds(Notification, st.text(), VALUES)
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@settings(deadline=None)
@given(st.lists(MESSAGES, max_size=5), st.lists(st.integers(0, 10_000), max_size=10))
def test_messages_survive_any_cut_of_the_stream(messages, places):
    decoder = Decoder()
    stream = b"".join(pack(message) for message in messages)
    read = [m for chunk in cut(stream, places) for m in decoder.feed(chunk)]
    assert read == messages


@settings(deadline=None)
@given(VALUES, VALUES, st.lists(st.integers(0, 10_000), max_size=10))
def test_a_frame_over_the_limit_is_passed_over_and_the_next_one_read(big, small, places):
    large, after = msgpack.packb([0, 7, "x", [big, "y" * 100]]), msgpack.packb(["next", small])
    framer = Framer(limit=len(large) - 1)
    read = [m for chunk in cut(large + after, places) for m in framer.feed(chunk)]
    assert isinstance(read[0], Oversized)
    if len(after) < len(large):
        assert read[1:] == [["next", small]]
    else:
        assert isinstance(read[1], Oversized)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_messages_or_a_protocol_error(data):
    try:
        for message in Decoder(limit=50).feed(data):
            assert isinstance(message, Request | Response | Notification | Unreadable)
    except ProtocolError:
        pass


def test_an_oversized_request_keeps_its_id():
    decoder = Decoder(limit=1000)
    frame = msgpack.packb([0, 4_000_000_000, "generate", [{"schema": "x" * 200_000}]])
    (message,) = [m for i in range(0, len(frame), 777) for m in decoder.feed(frame[i : i + 777])]
    assert message.id == 4_000_000_000
    assert isinstance(message.error, FrameTooLargeError)
    assert message.wants_reply


def test_an_oversized_notification_wants_no_reply():
    (message,) = Decoder(limit=100).feed(msgpack.packb([2, "cancel", ["x" * 1000]]))
    assert not message.wants_reply


def test_a_frame_that_only_claims_to_be_long_costs_no_memory():
    framer = Framer(limit=1000)
    announced = b"\xdb\xff\xff\xff\xff"  # a text of 4 GiB
    assert list(framer.feed(announced + b"x" * 5000)) == []
    assert len(framer._frame) < 100


@pytest.mark.parametrize(
    "item",
    [
        17,
        "text",
        {},
        [],
        [0],
        [0, 1, "status"],
        [0, "1", "status", []],
        [0, True, "status", []],
        [0, 1, 2, []],
        [9, 1, "status", []],
        [True, 1, None, {}],
        [2.0, "cancel", []],
    ],
)
def test_a_frame_that_is_no_message_is_reported_and_wants_a_reply(item):
    (message,) = Decoder().feed(msgpack.packb(item))
    assert isinstance(message, Unreadable)
    assert message.wants_reply


def test_the_id_of_a_broken_request_is_found():
    (message,) = Decoder().feed(msgpack.packb([0, 5, None, []]))
    assert message.id == 5


def test_bytes_that_are_not_messagepack_end_the_stream():
    with pytest.raises(ProtocolError, match="not MessagePack"):
        list(Decoder().feed(b"\xc1GET / HTTP/1.1"))


def test_text_that_is_not_utf8_is_still_read():
    frame = b"\x94\x00\x01\xa6status\x91\x81\xa1q\xa3a\xe9b"
    (message,) = Decoder().feed(frame)
    assert message.params == [{"q": "a\ufffdb"}]


def test_a_message_over_the_limit_is_not_sent():
    with pytest.raises(FrameTooLargeError):
        pack(Request(1, "generate", [{"schema": "x" * 1000}]), limit=500)


def test_a_value_that_messagepack_lacks_is_our_error():
    with pytest.raises(ProtocolError):
        pack(Response(1, None, {"at": object()}))


@pytest.mark.parametrize("params", [[], [{}], [[]], [None], {}])
def test_no_arguments_come_in_several_spellings(params):
    assert arguments(params) == {}


@pytest.mark.parametrize("params", [[1], [{}, {}], "x", [{1: 2}], None])
def test_other_params_are_refused(params):
    with pytest.raises(InvalidParamsError):
        arguments(params)


def test_an_error_arrives_in_its_own_class():
    sent = Response.failure(3, UnknownMethodError("no such method"))
    (received,) = Decoder().feed(pack(sent))
    with pytest.raises(UnknownMethodError, match="no such method"):
        result_of(received)
