"""Asks daemons of older protocol versions to leave: one model in memory is enough for one user.

Each listens beside ours under a name with its own version, and speaks that version's protocol; of
this one, `hello` and `retire` are what every version has. A newer one is left alone: an editor that
was not restarted would send it away again and again.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING

from squill.errors import ProtocolError
from squill.paths import PROTOCOL_VERSION
from squill.wire import Decoder, Request, Response, pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from squill.paths import RuntimePaths

log = logging.getLogger(__name__)

_SOCKET = re.compile(r"daemon-v(\d+)\.sock")
ANSWER_SECONDS = 5.0
_READ_BYTES = 4096


async def retire_older(paths: RuntimePaths) -> None:
    """Ask each older daemon of this user to leave with its last client; returns when done."""
    for version, socket in _older(paths):
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                accepted = await _ask_to_retire(version, socket)
        except (OSError, ProtocolError, TimeoutError):
            accepted = False  # it was killed, or hangs
        outcome = "will leave" if accepted else "does not answer"
        log.info("the daemon of protocol %d %s", version, outcome)


def _older(paths: RuntimePaths) -> Iterator[tuple[int, Path]]:
    for found in sorted(paths.directory.glob("daemon-v*.sock")):
        match = _SOCKET.fullmatch(found.name)
        if match and int(match[1]) < PROTOCOL_VERSION:
            yield int(match[1]), found


async def _ask_to_retire(version: int, socket: Path) -> bool:
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        greeting = {"protocol": version, "client": {"name": "squill daemon"}}
        writer.write(pack(Request(1, "hello", [greeting])) + pack(Request(2, "retire", [{}])))
        decoder = Decoder()
        while data := await reader.read(_READ_BYTES):
            for message in decoder.feed(data):
                if isinstance(message, Response) and message.id == 2:
                    return message.error is None
        return False
    finally:
        writer.transport.abort()
