"""Cold start to first answer, by phase: fresh processes, medians of several.

``python benchmarks/startup.py [--repeats N]``. Files are in the system's cache, and what Squill
makes once and keeps (the BLAS shim, compiled kernels) is there, but for the row "very first start".

*The daemon* is started like a language server does it, and asked at once, when it listens: the
question waits for the model. *mlx_lm.server* is asked the same as soon as it accepts a connection.
*The load* is ``Engine.load`` in a process of its own, with clocks around its parts. *The imports*
are the daemon's own under ``-X importtime``, by package, which makes them a little slower.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from figures import described, machine, markdown, replace_section, save_json
from latency_daemon import use_own_folders
from latency_prompts import Prompts
from latency_schemas import draw_design, questions
from latency_server import start_server
from squill.client import DaemonClient
from squill.paths import EMBEDDED_MODEL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from latency_prompts import Asked

Phases = dict[str, float]
"""Name -> milliseconds."""

LISTENS, READY, ANSWERED = "before it listens", "until the model is ready", "until the answer"
_IMPORT = re.compile(r"^import time: +(\d+) \| +\d+ \| +([\w.]+)$", re.MULTILINE)
_SMALLEST_MS = 5.0

_LOAD = Path(__file__).with_name("startup_load.py")


def main() -> int:
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="squill-startup-") as folder:
        use_own_folders(Path(folder))
        report = asyncio.run(_run(options, Path(folder)))
    print(report["markdown"])
    if options.markdown:
        replace_section(options.markdown, "startup", report["markdown"])
    if options.json:
        save_json(options.json, report)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, default=EMBEDDED_MODEL, help="a model's folder")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    parser.add_argument("--markdown", type=Path, help="put the tables into this file's section")
    return parser


async def _run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    prompts = Prompts(options.model)
    rng = Random(3)
    design = draw_design(6, rng)
    asked = prompts.asked(design, next(questions(design, rng)))
    model = "" if options.model == EMBEDDED_MODEL else str(options.model)
    first = await _daemon_phases(model, asked, folder)
    starts, loads = [], []
    server: list[Phases] = []
    for _ in range(options.repeats):
        starts.append(await _daemon_phases(model, asked, folder))
        server.append(await _server_phases(options.model, asked, folder))
        loads.append(await asyncio.to_thread(_load_phases, model))
    imports = await _import_phases(model, asked, folder)
    tables = {
        "whole": _whole_table(starts, server, first),
        "load": _phase_table("inside the load", loads),
        "imports": _import_table(imports),
    }
    text = described(machine()) + "".join(f"\n{markdown(table)}" for table in tables.values())
    return {
        "markdown": text,
        "starts": starts,
        "server": server,
        "loads": loads,
        "imports": imports,
        "very_first": first,
    }


@contextlib.asynccontextmanager
async def _started(
    model: str, folder: Path, python: tuple[str, ...] = ()
) -> AsyncIterator[tuple[float, asyncio.subprocess.Process]]:
    """A daemon that listens, and when it was started (`time.monotonic`)."""
    began = time.monotonic()
    command = [sys.executable, "-P", *python, "-m", "squill_daemon", "run"]
    with (folder / "daemon.err").open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            *command,
            *(("--model", model) if model else ()),
            stdout=asyncio.subprocess.PIPE,
            stderr=sink,
        )
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        yield began, process
    finally:
        process.terminate()
        await process.wait()


async def _daemon_phases(model: str, asked: Asked, folder: Path) -> Phases:
    async with _started(model, folder) as (began, _):
        listens = _since(began)
        ready, answered, reply = await _first_answer(asked, lambda: _since(began))
    spans = reply["milliseconds"]
    return {
        "it listens": listens,
        "the model is ready": ready,
        "the first answer is there": answered,
        "of that, the question read, schema and prompt": spans["prefill"],
        "of that, the answer written and checked": spans["decode"],
    }


async def _first_answer(
    asked: Asked, clock: Callable[[], float]
) -> tuple[float, float, dict[str, Any]]:
    """When the model was ready, when the answer came, and the answer."""
    ready: list[float] = []

    def heard(method: str, params: Any) -> None:
        if method == "status/changed" and params.get("state") == "ready":
            ready.append(clock())

    async with await DaemonClient.connect(on_notification=heard, name="benchmark") as client:
        params = {"schema": asked.wire, "question": asked.question}
        reply = await client.call("generate", params)
        return (ready or [clock()])[0], clock(), reply


async def _server_phases(model: Path, asked: Asked, folder: Path) -> Phases:
    began = time.monotonic()
    server = await start_server(model, folder, [], tuned=False)
    try:
        listens = _since(began)
        await server.ask(asked)
        return {"it listens": listens, "the first answer is there": _since(began)}
    finally:
        await server.close()


def _load_phases(model: str) -> Phases:
    done = subprocess.run(
        [sys.executable, str(_LOAD), str(time.monotonic()), model],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    phases: Phases = json.loads(done.stdout)
    return phases


async def _import_phases(model: str, asked: Asked, folder: Path) -> dict[str, Phases]:
    """For each span of the start, the import time of each package; Python's own modules are one."""
    log = folder / "daemon.err"
    sizes: dict[str, int] = {}
    async with _started(model, folder, ("-X", "importtime")) as (began, _):
        sizes[LISTENS] = _size(log)

        def clock() -> float:
            sizes.setdefault(READY, _size(log))
            return _since(began)

        await _first_answer(asked, clock)
        sizes[ANSWERED] = _size(log)
    text = log.read_bytes()
    spans, start = {}, 0
    for name, end in sizes.items():
        spans[name] = _by_package(text[start:end].decode(errors="replace"))
        start = end
    return spans


def _size(path: Path) -> int:
    return path.stat().st_size


def _by_package(text: str) -> Phases:
    found: Counter[str] = Counter()
    for microseconds, name in _IMPORT.findall(text):
        package = name.partition(".")[0]
        is_python = package in sys.stdlib_module_names or package in ("encodings", "site")
        found["Python's own" if is_python else package] += int(microseconds)
    return {name: total / 1000 for name, total in found.items()}


def _since(began: float) -> float:
    return 1000 * (time.monotonic() - began)


def _whole_table(starts: list[Phases], server: list[Phases], first: Phases) -> list[list[str]]:
    rows = [["milliseconds from the start, until", "Squill", "very first start", "mlx_lm.server"]]
    for name in starts[0]:
        other = _middle([s[name] for s in server]) if name in server[0] else ""
        rows.append([name, _middle([s[name] for s in starts]), f"{first[name]:,.0f}", other])
    return rows


def _phase_table(title: str, runs: list[Phases]) -> list[list[str]]:
    rows = [[f"milliseconds {title}", "median (least to most)"]]
    rows += [[name, _middle([run[name] for run in runs])] for name in runs[0]]
    return [*rows, ["sum", _middle([sum(run.values()) for run in runs])]]


def _middle(values: list[float]) -> str:
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def _import_table(spans: dict[str, Phases]) -> list[list[str]]:
    totals: Counter[str] = Counter()
    for span in spans.values():
        totals.update(span)
    shown = [name for name, total in totals.most_common() if total >= _SMALLEST_MS]
    rows = [["milliseconds of import", *spans]]
    rows += [[name, *(f"{span.get(name, 0):,.0f}" for span in spans.values())] for name in shown]
    sums = (f"{sum(span.values()):,.0f}" for span in spans.values())
    return [*rows, ["all", *sums]]


if __name__ == "__main__":
    sys.exit(main())
