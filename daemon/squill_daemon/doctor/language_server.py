"""Whether `squill lsp` starts, answers an editor's `initialize`, and ends in good order."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from squill.children import NEUTRAL_FOLDER, own_module
from squill_daemon.doctor.finding import failure, ok
from squill_daemon.doctor.processes import Ended, kill_group

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from squill_daemon.doctor.finding import Finding

LSP_SECONDS = 20.0
_REMEDY = "Run `squill lsp` to see what it prints; if modules are missing, reinstall Squill."


def check_language_server(folder: Path) -> Iterator[Finding]:
    """It is not told `initialized`, so it reads no files and starts no daemon."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        with _server(errors) as process:
            limit = threading.Timer(LSP_SECONDS, kill_group, [process])
            limit.start()
            try:
                answered = _greet(process, folder)
                seconds = time.monotonic() - began
                code = process.wait()
            finally:
                limit.cancel()
        errors.seek(0)
        ended = Ended(code, "", errors.read().decode(errors="replace"))
    if answered and code == 0:
        yield ok("start", f"answers `initialize` after {1000 * seconds:.0f} ms, and ends")
    elif time.monotonic() - began >= LSP_SECONDS:
        what = "did not end after `exit`" if answered else "did not answer `initialize`"
        yield failure("start", f"{what} within {LSP_SECONDS:.0f} s", _REMEDY)
    else:
        yield failure("start", f"the language server {ended.how}", _REMEDY)


def _server(errors: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        own_module("squill_lsp"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        bufsize=0,  # nothing is left to flush where it has gone
        start_new_session=True,
        cwd=NEUTRAL_FOLDER,
    )


def _greet(process: subprocess.Popen[bytes], folder: Path) -> bool:
    """Say hello and goodbye; whether it answered. A server that dies is one that did not."""
    about: dict[str, Any] = {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}}
    with (
        contextlib.suppress(OSError),
        io.BufferedReader(cast("io.RawIOBase", process.stdout)) as answers,
    ):
        _send(process, {"id": 1, "method": "initialize", "params": about})
        answer = _receive(answers)
        _send(process, {"id": 2, "method": "shutdown", "params": None})
        _receive(answers)
        _send(process, {"method": "exit", "params": None})
        return "capabilities" in answer.get("result", {})
    return False


def _send(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0"} | message).encode()
    assert process.stdin is not None
    process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


def _receive(answers: BinaryIO) -> dict[str, Any]:
    """The next response; empty at the end of the stream. Notifications are passed over."""
    while True:
        length = 0
        while (header := answers.readline().strip()) != b"":
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        if not length:
            return {}
        message = json.loads(answers.read(length))
        if isinstance(message, dict) and "id" in message:
            return message
