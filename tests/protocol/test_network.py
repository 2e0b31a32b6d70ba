"""No process of Squill uses a network unless its user names a hub's model."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

ATTEMPTS = [
    "import socket; socket.create_connection(('127.0.0.1', 9))",
    "import socket; socket.getaddrinfo('huggingface.co', 443)",
    "import socket; socket.socket().bind(('127.0.0.1', 0))",
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')",
]


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_guard_of_these_tests_notes_whatever_would_use_one(
    tmp_path: Path, attempt: str
) -> None:
    """Every other test here fails where a process that it starts adds to this log."""
    log = tmp_path / "log.txt"
    ended = subprocess.run(
        [sys.executable, "-P", "-c", attempt],
        env=os.environ | {"SQUILL_TEST_NETWORK_LOG": str(log)},
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert ended.returncode
    assert "socket." in log.read_text()


def test_unix_sockets_are_no_network(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    code = f"import socket; socket.socket(socket.AF_UNIX).bind({str(tmp_path / 's')!r})"
    environment = os.environ | {"SQUILL_TEST_NETWORK_LOG": str(log)}
    subprocess.run([sys.executable, "-P", "-c", code], env=environment, check=True)
    assert not log.exists()
