"""In every Python process that a test starts: a note of each socket that isn't a Unix one.

On PYTHONPATH by `tests/protocol/conftest.py`. A hub that the user named (``HF_ENDPOINT``) is the
one exception there is.
"""

import os
import socket
import sys

_LOG = os.environ.get("SQUILL_TEST_NETWORK_LOG")


def _note(event, arguments):
    if event == "socket.getaddrinfo":
        told = f"{event} {arguments[0]}"
    elif event in ("socket.connect", "socket.bind", "socket.sendto"):
        if arguments[0].family == socket.AF_UNIX:
            return
        told = f"{event} {arguments[1]}"
    else:
        return
    with open(_LOG, "a") as log:  # noqa: PTH123 (pathlib would be in every process)
        log.write(f"{' '.join(sys.argv)}: {told}\n")
    raise PermissionError(f"a test's process would use the network: {told}")


if _LOG and "HF_ENDPOINT" not in os.environ:
    sys.addaudithook(_note)
