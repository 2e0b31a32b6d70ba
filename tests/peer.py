"""A client without manners: sends any bytes over a plain blocking socket."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

import msgpack

from squill.paths import PROTOCOL_VERSION, runtime_paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

SECONDS = 30.0
"""Longer than anything takes that does not hang."""


class Peer:
    """One connection to the user's daemon, greeted where it is told to.

    Raises:
        EOFError: the daemon closed it before it answered the greeting.
        OSError: nobody takes it.
    """

    def __init__(self, *, greet: bool = True, path: Path | None = None) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self._unpacker = msgpack.Unpacker(max_buffer_size=100_000_000)
        try:
            self.socket.connect(str(path or runtime_paths().socket))
            if greet:
                error, _ = self.ask(0, "hello", {"protocol": PROTOCOL_VERSION})
                assert error is None, error
        except (EOFError, OSError):
            self.socket.close()
            raise

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, *message: object) -> None:
        self.socket.sendall(msgpack.packb(message))

    def receive(self) -> list[Any]:
        """The next message; `EOFError` where the daemon has closed the connection."""
        while True:
            for message in self._unpacker:
                return list(message)
            data = b""
            with contextlib.suppress(ConnectionError):
                data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError
            self._unpacker.feed(data)

    def replies(self) -> Iterator[tuple[int | None, Any, Any]]:
        """Id, error and result of each response until the daemon closes the connection."""
        with contextlib.suppress(EOFError):
            while True:
                message = self.receive()
                if message[0] == 1:
                    yield message[1], message[2], message[3]

    def reply(self, request_id: int | None) -> tuple[Any, Any]:
        """Error and result of the reply to a request, past everything else."""
        for found, error, result in self.replies():
            if found == request_id:
                return error, result
        raise EOFError

    def wait_for_text(self) -> None:
        """Returns when the model has begun to write."""
        while self.receive()[:2] != [2, "generate/partial"]:
            pass

    def ask(self, request_id: int, method: str, params: object = None) -> tuple[Any, Any]:
        self.send(0, request_id, method, [params or {}])
        return self.reply(request_id)


def served() -> dict[str, Any]:
    """What `status` says to a new client: proof that the daemon serves others."""
    with Peer() as peer:
        error, result = peer.ask(1, "status")
        assert error is None, error
        found: dict[str, Any] = result
        return found
