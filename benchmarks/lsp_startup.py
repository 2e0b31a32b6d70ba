"""Start-up of `squill lsp`: time to the answer of `initialize`, and memory then, beside bare pygls.

python benchmarks/lsp_startup.py
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

import psutil

from squill.children import own_module

ROUNDS = 7

BARE_PYGLS = """
from pygls.lsp.server import LanguageServer
LanguageServer("bare", "1").start_io()
"""

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"processId": None, "rootUri": None, "capabilities": {}},
}


def frame(message: object) -> bytes:
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def start(command: list[str]) -> tuple[float, float, bool]:
    """Milliseconds to the first answer, resident MiB then, and whether MLX is mapped."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(frame(INITIALIZE))
        process.stdin.flush()
        process.stdout.readline()
        milliseconds = 1000 * (time.perf_counter() - began)
        watched = psutil.Process(process.pid)
        mebibytes = watched.memory_info().rss / 2**20
        mlx = any("mlx" in entry.path for entry in watched.memory_maps())
        process.kill()
    return milliseconds, mebibytes, mlx


def main() -> int:
    commands = {
        "squill lsp": own_module("squill", "lsp"),
        "bare pygls": [sys.executable, "-c", BARE_PYGLS],
    }
    runs: dict[str, list[tuple[float, float, bool]]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            runs[name].append(start(command))
    print("| | ms to initialize (median) | resident MiB | MLX mapped |")
    print("|---|---|---|---|")
    medians = {}
    for name, found in runs.items():
        medians[name] = statistics.median(f[0] for f in found)
        memory = statistics.median(f[1] for f in found)
        print(f"| {name} | {medians[name]:.0f} | {memory:.0f} | {any(f[2] for f in found)} |")
    print(f"\nratio of the times: {medians['squill lsp'] / medians['bare pygls']:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
