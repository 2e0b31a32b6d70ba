"""Who is at the other end of a Unix socket."""

from __future__ import annotations

import os
import socket
import struct
import sys

# From <sys/un.h> on macOS, where Python's socket module does not name them.
_SOL_LOCAL = 0
_LOCAL_PEERCRED = 1


def peer_uid(connection: socket.socket) -> int:
    """The user id of the process that connected."""
    if sys.platform == "darwin":
        # struct xucred: version, uid, …
        packed = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 8)
        return int(struct.unpack("II", packed)[1])
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", packed)[1])  # struct ucred: pid, uid, gid


def is_same_user(connection: socket.socket) -> bool:
    """False too for a peer that has gone already where the system then tells nothing of it."""
    try:
        return peer_uid(connection) == os.getuid()
    except OSError:
        return False
