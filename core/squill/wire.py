"""Typed messages of MessagePack-RPC: request, response, notification.

Params are a list that holds one map. A message that is MessagePack but not one of the three is
answered with an error (its id where it has one, else nil) and the connection goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import msgpack

from squill.errors import (
    FrameTooLargeError,
    InvalidParamsError,
    ProtocolError,
    SquillError,
    from_wire,
)
from squill.framing import FRAME_LIMIT, Framer, Oversized

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REQUEST, _RESPONSE, _NOTIFICATION = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Request:
    id: int
    method: str
    params: Any


@dataclass(frozen=True, slots=True)
class Response:
    """``error`` is nil or ``{code, message}``; ``id`` is nil where no request could be read."""

    id: int | None
    error: Any = None
    result: Any = None

    @classmethod
    def failure(cls, request_id: int | None, error: SquillError) -> Response:
        return cls(request_id, {"code": error.code, "message": error.message})


@dataclass(frozen=True, slots=True)
class Notification:
    method: str
    params: Any


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A frame that carries no message. ``kind`` is the message type where it could be read."""

    id: int | None
    error: ProtocolError
    kind: int | None = None

    @property
    def wants_reply(self) -> bool:
        """A broken response or notification is not answered: nobody waits for it."""
        return self.kind not in (_RESPONSE, _NOTIFICATION)


Message = Request | Response | Notification


def pack(message: Message, limit: int = FRAME_LIMIT) -> bytes:
    """The message as one frame.

    Raises:
        FrameTooLargeError: it is over ``limit`` bytes.
        ProtocolError: it holds something that MessagePack cannot carry.
    """
    match message:
        case Request(request_id, method, params):
            item: list[Any] = [_REQUEST, request_id, method, params]
        case Response(request_id, error, result):
            item = [_RESPONSE, request_id, error, result]
        case Notification(method, params):
            item = [_NOTIFICATION, method, params]
    try:
        frame: bytes = msgpack.packb(item, unicode_errors="replace")
    except (TypeError, ValueError, OverflowError) as error:
        raise ProtocolError(f"This message cannot be sent: {error}. Use plain values.") from error
    if len(frame) > limit:
        raise FrameTooLargeError(_too_large(limit))
    return frame


class Decoder:
    """Bytes to messages, over a `Framer`."""

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._limit = limit
        self._framer = Framer(limit)

    @property
    def pending(self) -> int:
        """Bytes that are held of the message that is not complete yet."""
        return self._framer.pending

    def feed(self, data: bytes) -> Iterator[Message | Unreadable]:
        """The messages completed by ``data``.

        Raises:
            ProtocolError: the bytes are not MessagePack; the connection must be closed.
        """
        for item in self._framer.feed(data):
            if isinstance(item, Oversized):
                kind, request_id = _peek(item.prefix)
                yield Unreadable(request_id, FrameTooLargeError(_too_large(self._limit)), kind)
            else:
                yield _message(item)


def _too_large(limit: int) -> str:
    return (
        f"The message is over the limit of {limit} bytes and was not read. "
        "Send only the table definitions that the question is about."
    )


def _peek(prefix: bytes) -> tuple[int | None, int | None]:
    """Message type and id from the first bytes of a frame, where they are there."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(prefix)
    try:
        unpacker.read_array_header()
        kind = unpacker.unpack()
        request_id = unpacker.unpack() if kind == _REQUEST else None
    except (ValueError, msgpack.UnpackException):
        return None, None
    return _integer(kind), _integer(request_id)


def _integer(value: object) -> int | None:
    return value if _is_integer(value) else None


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _message(item: Any) -> Message | Unreadable:
    parts = item if isinstance(item, list) else []
    kind = _integer(parts[0]) if parts else None  # not 0.0 or true, which equal 0 and 1
    match kind, parts[1:]:
        case 0, [request_id, str(method), params] if _is_integer(request_id):
            return Request(request_id, method, params)
        case 1, [request_id, error, result] if request_id is None or _is_integer(request_id):
            return Response(request_id, error, result)
        case 2, [str(method), params]:
            return Notification(method, params)
    request_id = _integer(parts[1]) if kind == _REQUEST and len(parts) > 1 else None
    return Unreadable(
        request_id,
        ProtocolError(
            "The message is not [0, id, method, params], [1, id, error, result] or "
            "[2, method, params]. See the MessagePack-RPC specification."
        ),
        kind,
    )


def arguments(params: Any) -> Mapping[str, Any]:
    """The one map in ``params``. Nothing, and Lua's empty table, count as an empty map.

    Raises:
        InvalidParamsError: it is something else.
    """
    match params:
        case [] | [[]] | [None] | {}:
            return {}
        case [dict(found)] if all(isinstance(key, str) for key in found):
            return found
        case _:
            raise InvalidParamsError("Params must be a list that holds one map with text keys.")


def result_of(response: Response) -> Any:
    """The result, or the error that travelled, raised.

    Raises:
        SquillError: the response carries an error; its class follows from the code.
    """
    match response.error:
        case None:
            return response.result
        case {"code": str(code), "message": str(message)}:
            raise from_wire(code, message)
        case other:
            raise SquillError(f"The daemon answered with an error that is not Squill's: {other!r}")
