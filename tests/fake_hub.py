"""A hub of the test's own: the requests that huggingface_hub makes for one model, over HTTP.

Large files (weights) are told by their SHA-256 and served in parts, as the real one does.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlparse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REVISION = "c" * 40


@dataclass
class FakeHub:
    """Serves ``folder`` as ``model``. ``asked``: each GET of weights, by its first byte.

    With ``stall_after``, weights stop after so many bytes and ``stalled`` is set; the connection
    stays open. ``damaged`` sends other bytes than were promised.
    """

    folder: Path
    model: str = "owner/tiny"
    url: str = ""
    stall_after: int | None = None
    damaged: bool = False
    asked: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_file())

    def tree(self) -> list[dict[str, object]]:
        entries = []
        for path in self.files():
            content = path.read_bytes()
            entry: dict[str, object] = {
                "type": "file",
                "path": path.name,
                "size": len(content),
                "oid": hashlib.sha1(content).hexdigest(),
            }
            if is_large(path):
                sha256 = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
            entries.append(entry)
        return entries


def is_large(path: Path) -> bool:
    return path.suffix == ".safetensors"


class HubServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: FakeHub) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub


class Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> FakeHub:
        return self.server.hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = urlparse(self.path).path
        api = f"/api/models/{self.hub.model}"
        if path in (api, f"{api}/revision/main"):
            info = {"id": self.hub.model, "sha": REVISION, "cardData": {"license": "mit"}}
            self._json(info | {"siblings": [{"rfilename": p.name} for p in self.hub.files()]})
        elif path.startswith(f"{api}/tree/"):
            self._json(self.hub.tree())
        elif path.startswith(f"/{self.hub.model}/resolve/{REVISION}/"):
            self._file(self.hub.folder / path.rpartition("/")[2])
        else:
            self._missing("RepoNotFound")

    def _json(self, content: object) -> None:
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _missing(self, code: str) -> None:
        self._send(404, b"", {"X-Error-Code": code})

    def _file(self, path: Path) -> None:
        if not path.is_file():
            self._missing("EntryNotFound")
            return
        content = path.read_bytes()
        kind = hashlib.sha256 if is_large(path) else hashlib.sha1
        headers = {"ETag": f'"{kind(content).hexdigest()}"', "X-Repo-Commit": REVISION}
        first = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        if self.command == "GET":
            self.hub.names.append(path.name)
            if is_large(path):
                self.hub.asked.append(first)
                if self.hub.damaged:
                    content = bytes(len(content))
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self._send(206 if first else 200, content[first:], headers, stalls=is_large(path))

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], *, stalls: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if stalls and self.hub.stall_after is not None:
            self.wfile.write(body[: self.hub.stall_after])
            self.wfile.flush()
            self.hub.stalled.set()
            self.hub.ended.wait()
            self.close_connection = True
            return
        self.wfile.write(body)


@contextmanager
def serve(hub: FakeHub) -> Iterator[FakeHub]:
    server = HubServer(hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        hub.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
