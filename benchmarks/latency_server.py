"""mlx_lm.server: its process, and a client that is as quick as one can be (asyncio, loopback)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from latency_peer import Answered, free_port
from latency_prompts import MAX_TOKENS, Asked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from latency_prompts import Prompts
    from latency_schemas import Design

LONG_TOKENS = 512
_FORBIDDEN = -1e9
_START_SECONDS = 120.0
_TUNED = Path(__file__).with_name("latency_tuned_server.py")


class Server:
    """As a `Peer`: each request is a new connection, since the server speaks HTTP/1.0."""

    def __init__(
        self,
        name: str,
        model: Path,
        started: subprocess.Popen[bytes],
        port: int,
        ends: list[int],
    ) -> None:
        self.name = name
        self._model = str(model)
        self.process = psutil.Process(started.pid)
        self._started = started
        self._port = port
        self._endless = {str(token): _FORBIDDEN for token in ends}

    async def ask(self, asked: Asked, *, stream: bool = False, adapter: str = "") -> Answered:
        body: dict[str, Any] = _completion(asked, MAX_TOKENS, stream=stream)
        if adapter:
            # For its default model the server leaves the request's adapter out, and says nothing.
            body |= {"adapters": adapter, "model": self._model}
        began = time.perf_counter()
        first, chunks = 0.0, []
        async with self._posted(body) as reply:
            length = await _content_length(reply)
            if length is not None:
                chunks.append(json.loads(await reply.readexactly(length)))
            async for line in _data(reply):
                first = first or 1000 * (time.perf_counter() - began)
                chunks.append(json.loads(line))
        return _answered(chunks, first, 1000 * (time.perf_counter() - began))

    @contextlib.asynccontextmanager
    async def busy(self, asked: Asked) -> AsyncIterator[None]:
        decoding = asyncio.Event()

        async def decode_on() -> None:
            while True:
                async with self._posted(self._long(asked, stream=True)) as reply:
                    async for _ in _data(reply):
                        decoding.set()

        task = asyncio.create_task(decode_on())
        await decoding.wait()
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def vanish(self, asked: Asked, seconds: float) -> None:
        """A client that does not stream."""
        async with self._posted(self._long(asked, stream=False)):
            await asyncio.sleep(seconds)

    def _long(self, asked: Asked, *, stream: bool) -> dict[str, Any]:
        return _completion(asked, LONG_TOKENS, stream=stream) | {"logit_bias": self._endless}

    @contextlib.asynccontextmanager
    async def _posted(self, body: dict[str, Any]) -> AsyncIterator[asyncio.StreamReader]:
        """The reply's bytes; the connection is cut at the end, whether all was read or not."""
        content = json.dumps(body).encode()
        head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)
        try:
            writer.write(f"{head}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
            yield reader
        finally:
            writer.transport.abort()

    async def close(self) -> None:
        self._started.terminate()
        try:
            await asyncio.to_thread(self._started.wait, 5)
        except subprocess.TimeoutExpired:
            self._started.kill()
            self._started.wait()


def _completion(asked: Asked, most: int, *, stream: bool) -> dict[str, Any]:
    body = {"prompt": asked.prompt, "max_tokens": most, "temperature": 0.0, "stream": stream}
    return body | ({"stream_options": {"include_usage": True}} if stream else {})


async def _content_length(reply: asyncio.StreamReader) -> int | None:
    """Reads the head; None for a stream.

    Raises:
        RuntimeError: the server refused the request.
    """
    head = await reply.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise RuntimeError(f"mlx_lm.server: {head[:60]!r} {(await reply.read())[:500]!r}")
    found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    return int(found[1]) if found else None


async def _data(reply: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The events of a stream, up to its end mark; comments between them are left out."""
    async for line in reply:
        if line.startswith(b"data: [DONE]"):
            return
        if line.startswith(b"data: "):
            yield line.removeprefix(b"data: ")


def _answered(chunks: list[dict[str, Any]], first: float, full: float) -> Answered:
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    usage = chunks[-1]["usage"]
    return Answered(
        full=full,
        first=first,
        text="".join(choice["text"] for choice in choices),
        prompt=usage["prompt_tokens"],
        cached=(usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0),
        generated=usage["completion_tokens"],
        whole=choices[-1]["finish_reason"] == "stop",
    )


async def start_server(model: Path, folder: Path, ends: list[int], *, tuned: bool) -> Server:
    """A server that has loaded its model."""
    log = folder / f"{'tuned' if tuned else 'server'}.log"
    port = free_port()
    started = _launch(model, port, log, tuned=tuned)
    name = "server, tuned" if tuned else "mlx_lm.server"
    server = Server(name, model, started, port, ends)
    try:
        async with asyncio.timeout(_START_SECONDS):
            await _until_it_listens(started, port)
    except BaseException:
        await server.close()
        print(log.read_text(errors="replace")[-2000:], file=sys.stderr)
        raise
    return server


def _launch(model: Path, port: int, log: Path, *, tuned: bool) -> subprocess.Popen[bytes]:
    program = [str(_TUNED)] if tuned else ["-m", "mlx_lm.server"]
    options = ["--model", str(model), "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as sink:
        return subprocess.Popen(
            [sys.executable, *program, *options],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "TMPDIR": str(log.parent)},
        )


async def _until_it_listens(started: subprocess.Popen[bytes], port: int) -> None:
    while started.poll() is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.transport.abort()
            return
        await asyncio.sleep(0.1)  # it says nowhere that it listens
    raise RuntimeError("mlx_lm.server has ended before it answered; see what it said above.")


class ServerWriter:
    """The session as a plug-in for this server would play it: ask at every pause, stream."""

    def __init__(self, server: Server, prompts: Prompts) -> None:
        self.name = server.name
        self._server = server
        self._prompts = prompts
        self._design: Design | None = None
        self._question = ""
        self._asked: Asked | None = None

    async def switch(self, design: Design) -> None:
        self._design = design

    edit = switch

    async def typed(self, question: str, _: str | None) -> None:
        self._question = question

    def get_ready(self) -> None:
        assert self._design is not None
        self._asked = self._prompts.asked(self._design, self._question)

    async def suggestion(self) -> str | None:
        assert self._asked is not None
        return (await self._server.ask(self._asked, stream=True)).text
