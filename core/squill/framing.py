"""Bytes to MessagePack objects: the lowest layer of the wire protocol.

MessagePack has no length in front of an object, so a frame over the limit is found while it
arrives. Its content is dropped as it comes, and reading goes on behind it. A frame of a great
many small objects costs far more than its bytes say: past a number of them the stream is given up.
"""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgpack

from squill.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

C = TypeVar("C", bound=Sized)

FRAME_LIMIT = 8 * 1024 * 1024
"""Longest frame, in bytes: some 200,000 columns of DDL."""

_CHUNK = 64 * 1024
# The unpacker allocates a list as long as its header says, before any item has come.
_CONTAINER_LIMIT = 200_000
# Even where they came as one byte, a list or a map takes some 60 and an item up to 40.
_MOST_OBJECTS = 1_000_000
_CONTAINER_WEIGHT = 4  # in items
# Passing over one object takes half a microsecond, during which no other client is read.
_MOST_PASSED_OVER = 1_000_000
_PREFIX = 16  # enough for [kind, id, …]: 1 + 1 + 9 bytes

# First byte -> bytes that follow: numbers, then extensions with their type byte.
_PAYLOAD = dict(zip(range(0xCA, 0xD9), (4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17), strict=True))
_SIZED = {  # first byte -> (width of the length field, bytes beside the length)
    0xC4: (1, 0),
    0xC5: (2, 0),
    0xC6: (4, 0),
    0xC7: (1, 1),
    0xC8: (2, 1),
    0xC9: (4, 1),
    0xD9: (1, 0),
    0xDA: (2, 0),
    0xDB: (4, 0),
}
_CONTAINERS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}  # (width, objects an item)


@dataclass(frozen=True, slots=True)
class Oversized:
    """A frame over the limit, now passed over. ``prefix`` is its first bytes."""

    prefix: bytes


class Framer:
    """Feeds on bytes, gives one object a frame.

    After a `ProtocolError` the stream has lost its frames and the connection must be closed.
    """

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._limit = limit
        self._restart()

    def _restart(self) -> None:
        self._objects = _ObjectCount()
        self._unpacker = msgpack.Unpacker(
            raw=False,
            unicode_errors="replace",  # an editor's buffer need not be valid UTF-8
            strict_map_key=False,
            max_buffer_size=self._limit + 2 * _CHUNK,
            max_str_len=2**32 - 1,
            max_bin_len=2**32 - 1,
            max_array_len=_CONTAINER_LIMIT,
            max_map_len=_CONTAINER_LIMIT,
            list_hook=self._objects,
            object_hook=self._objects,
        )
        self._frame = bytearray()  # the bytes of the frame that is not complete yet
        self._fed = 0
        self._skipper: _Skipper | None = None

    @property
    def pending(self) -> int:
        """Bytes that are held of the frame that is not complete yet."""
        return len(self._frame)

    def feed(self, data: bytes) -> Iterator[Any]:
        """The objects completed by ``data``; an `Oversized` for each one passed over.

        Raises:
            ProtocolError: the bytes are not MessagePack, or hold too many objects in one frame.
        """
        for start in range(0, len(data), _CHUNK):
            yield from self._feed_chunk(data[start : start + _CHUNK])

    def _feed_chunk(self, chunk: bytes) -> Iterator[Any]:
        while chunk:
            if self._skipper is not None:
                prefix, rest = bytes(self._frame), self._skipper.feed(chunk)
                if rest is None:
                    return
                self._restart()
                yield Oversized(prefix)
                chunk = rest
                continue
            yield from self._unpack(chunk)
            if len(self._frame) <= self._limit:
                return
            chunk = self._begin_skipping()

    def _unpack(self, chunk: bytes) -> Iterator[Any]:
        self._unpacker.feed(chunk)
        self._frame += chunk
        self._fed += len(chunk)
        while True:
            try:
                item = self._unpacker.unpack()
            except msgpack.OutOfData:
                return
            except (ValueError, TypeError, msgpack.UnpackException) as error:
                raise _unreadable(str(error) or type(error).__name__) from error
            self._objects.count = 0
            size = len(self._frame) - (self._fed - self._unpacker.tell())
            prefix = bytes(self._frame[:_PREFIX])
            del self._frame[:size]
            yield item if size <= self._limit else Oversized(prefix)

    def _begin_skipping(self) -> bytes:
        buffered, self._frame = bytes(self._frame), self._frame[:_PREFIX]
        self._skipper = _Skipper()
        return buffered


def _unreadable(reason: str) -> ProtocolError:
    return ProtocolError(
        f"The bytes received are not MessagePack that can be read ({reason}); "
        "the connection is closed. Send MessagePack-RPC messages only."
    )


class _ObjectCount:
    """Counts what is in the lists and maps of one frame as the unpacker completes them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, container: C) -> C:
        self.count += _CONTAINER_WEIGHT + len(container)
        if self.count > _MOST_OBJECTS:
            raise ValueError(f"over {_MOST_OBJECTS} objects in one frame")
        return container


class _Skipper:
    """Finds the end of one object without keeping it."""

    def __init__(self) -> None:
        self._objects = 1
        self._bytes = 0
        self._passed = 0
        self._header = b""

    def feed(self, chunk: bytes) -> bytes | None:
        """What follows the object's end, or None where its end has not come yet.

        Raises:
            ProtocolError: it holds more objects than are worth passing over.
        """
        data, self._header = self._header + chunk, b""
        position = 0
        while True:
            step = min(self._bytes, len(data) - position)
            position += step
            self._bytes -= step
            if self._bytes:
                return None
            if not self._objects:
                return data[position:]
            header = _header(data, position)
            if header is None:
                self._header = data[position:]
                return None
            width, self._bytes, objects = header
            position += width
            self._objects += objects - 1
            self._passed += 1
            if self._passed > _MOST_PASSED_OVER:
                raise _unreadable(f"over {_MOST_PASSED_OVER} objects in one frame")


def _header(data: bytes, at: int) -> tuple[int, int, int] | None:
    """(bytes of the header, bytes of payload, objects inside), or None where it is cut off."""
    if at >= len(data):
        return None
    first = data[at]
    if 0x80 <= first <= 0x9F:
        return 1, 0, (first & 0x0F) * (2 if first < 0x90 else 1)
    if 0xA0 <= first <= 0xBF:
        return 1, first & 0x1F, 0
    if first in _PAYLOAD:
        return 1, _PAYLOAD[first], 0
    width, extra = _SIZED.get(first) or _CONTAINERS.get(first) or (0, 0)
    if at + 1 + width > len(data):
        return None
    length = int.from_bytes(data[at + 1 : at + 1 + width], "big")
    if first in _CONTAINERS:
        return 1 + width, 0, length * extra
    return 1 + width, length + extra, 0
