"""A daemon under everything at once: ``python benchmarks/soak.py [--minutes 10 | --quick]``.

Twenty clients ask a real daemon with the embedded model about schemas that are edited meanwhile;
they cancel, overtake themselves, switch adapters, send frames that make no sense, and vanish;
client processes are killed. At the end a fresh daemon is asked the same again.

Fails (exit code 1) where a request gets no reply or two, a connection is closed that did no wrong,
the daemon ends, its memory grows, or an answer is not the fresh process's. Memory is compared at
rest: the load pauses four times, for as long as the daemon needs to give back what the last answers
took, which is hundreds of megabytes now and little then.

``--kills N`` kills the daemon itself instead, at N random moments under load, and starts the next.
All of it in folders of its own, over Unix sockets; it ends by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import psutil

from figures import described, machine, markdown, percentile, replace_section
from latency_daemon import use_own_folders
from soak_checks import Memory, compare_with_fresh
from soak_client import Ledger
from soak_kills import kill_and_restart
from soak_load import Client, draw_material, kill_floods
from squill.adapters import user_registry
from squill.children import own_module
from squill.model_files import content_digest
from squill.paths import EMBEDDED_MODEL, config_directory, runtime_paths
from squill.prompt import format_for_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from soak_load import Material

CLIENTS = 20
ROUNDS = 4
REST_SECONDS = 12.0
GROWTH = 0.03
"""Most that memory at rest may grow over the second half, as a share of it."""

_CACHE_BYTES = 32 << 20  # full early, so that the second half shows leaks and nothing else
_MAKE = """
import sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from squill.blas import load_blas; load_blas()
from tiny_adapter import make_tiny_adapter
for seed in (1, 2):
    make_tiny_adapter(Path(sys.argv[2]), Path(sys.argv[3]) / str(seed), seed=seed, scale=0.2)
"""


def main() -> int:
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="squill-soak-") as folder:
        use_own_folders(Path(folder))
        settings = f"[daemon]\ncache_bytes = {_CACHE_BYTES}\n[generation]\nmax_tokens = 64\n"
        (config_directory() / "squill.toml").write_text(settings, encoding="utf-8")
        if options.kills:
            killed = asyncio.run(kill_and_restart(options.kills, started_daemon))
            return _concluded(*killed, options.markdown, "kills")
        minutes = 1.0 if options.quick else options.minutes
        adapters = make_adapters(Path(folder) / "made")
        limit = 60 * minutes + 1800
        soaked = asyncio.run(asyncio.wait_for(_run(minutes, adapters, options.check), limit))
        return _concluded(*soaked, options.markdown, "soak")


def _concluded(table: list[list[str]], problems: list[str], file: Path | None, name: str) -> int:
    """Prints what came of it, puts the table into a file's section, and gives the exit code."""
    print("\n" + markdown(table) + described(machine()))
    for problem in problems:
        print(problem)
    print("failed" if problems else "passed")
    if file is not None:
        replace_section(file, name, markdown(table))
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--quick", action="store_true", help="one minute")
    parser.add_argument("--check", type=int, default=2000, help="answers to ask for once more")
    parser.add_argument("--kills", type=int, default=0, help="kill the daemon so many times")
    parser.add_argument("--markdown", type=Path, help="put the table into this file's section")
    return parser


def make_adapters(folder: Path) -> list[str]:
    """Digests of two random adapters of the embedded model, published in our own registry."""
    tests = Path(__file__).parents[1] / "tests"
    arguments = [str(tests), str(EMBEDDED_MODEL), str(folder)]
    subprocess.run([sys.executable, "-c", _MAKE, *arguments], check=True)
    base = content_digest(EMBEDDED_MODEL)
    prompt_format = format_for_model(EMBEDDED_MODEL, None).id
    return [
        user_registry().publish(folder / seed, base=base, prompt_format=prompt_format).digest
        for seed in ("1", "2")
    ]


@contextlib.contextmanager
def started_daemon() -> Iterator[subprocess.Popen[bytes]]:
    """A real daemon that listens; ended in order, or killed where it does not end."""
    command = own_module("squill_daemon", "run")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            if b"listening" not in process.stdout.readline():
                raise SystemExit("The daemon does not start.")
            yield process
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
        finally:
            process.kill()


async def _run(
    minutes: float, adapters: list[str], check: int
) -> tuple[list[list[str]], list[str]]:
    material = draw_material(adapters, Random(0))
    ledger, memory = Ledger(), Memory()
    with started_daemon() as process:
        await _load(process, minutes, material, ledger, memory)
        log = runtime_paths().log.read_text(encoding="utf-8")
    with started_daemon():
        checked, differing = await compare_with_fresh(ledger.answers, check, Random(1))
    return _report(ledger, memory, checked, differing, log)


async def _load(
    process: subprocess.Popen[bytes],
    minutes: float,
    material: Material,
    ledger: Ledger,
    memory: Memory,
) -> None:
    clients = [Client(number, material, ledger) for number in range(CLIENTS)]
    watch = asyncio.create_task(memory.watch(psutil.Process(process.pid)))
    for _ in range(ROUNDS):
        await _round(process, 60 * minutes / ROUNDS, clients, material, ledger)
        await asyncio.sleep(REST_SECONDS)
        memory.note_rest()
    watch.cancel()


async def _round(
    process: subprocess.Popen[bytes],
    seconds: float,
    clients: Sequence[Client],
    material: Material,
    ledger: Ledger,
) -> None:
    over = asyncio.Event()
    work = [client.run(over) for client in clients]
    tasks = [asyncio.create_task(w) for w in (*work, kill_floods(material, ledger, over))]
    with contextlib.suppress(subprocess.TimeoutExpired):
        code = await asyncio.to_thread(process.wait, seconds)
        ledger.violations[f"the daemon ended (exit code {code})"] += 1
    over.set()
    for error in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(error, BaseException):
            ledger.violations[f"a client failed: {error!r}"] += 1


def _report(
    ledger: Ledger, memory: Memory, checked: int, differing: list[str], log: str
) -> tuple[list[list[str]], list[str]]:
    """The table, and a sentence for each thing that went wrong."""
    tracebacks = log.count('"traceback"')
    rows = [
        ["", "figure"],
        ["duration, s", f"{len(memory.samples)}"],
        ["clients", f"{CLIENTS}"],
        *([f"sent: {what}", f"{count:,}"] for what, count in sorted(ledger.sent.items())),
        *([f"replies: {what}", f"{count:,}"] for what, count in sorted(ledger.replies.items())),
        ["generate p50 / p95, ms", _times(ledger.milliseconds)],
        ["most memory, MB", f"{max(memory.samples) / 1e6:.0f}"],
        ["memory at rest, after each quarter, MB", _megabytes(memory.at_rest)],
        [f"its growth over the second half (bound {GROWTH:.0%})", f"{memory.growth:+.2%}"],
        ["different questions answered", f"{len(ledger.answers):,}"],
        ["asked again of a fresh process / different there", f"{checked:,} / {len(differing)}"],
        ["tracebacks in the log", f"{tracebacks}"],
        ["violations", f"{ledger.violations.total()}"],
    ]
    problems = [f"violation ({count}x): {text}" for text, count in ledger.violations.items()]
    problems += [f"different: {text}" for text in differing[:20]]
    if memory.growth > GROWTH:
        problems.append(f"memory grew by {memory.growth:.2%} in the second half")
    if tracebacks:
        problems.append(f"{tracebacks} tracebacks in the log")
    return rows, problems


def _times(milliseconds: list[float]) -> str:
    return f"{percentile(milliseconds, 50):.0f} / {percentile(milliseconds, 95):.0f}"


def _megabytes(amounts: Sequence[float]) -> str:
    return " / ".join(f"{amount / 1e6:.0f}" for amount in amounts)


if __name__ == "__main__":
    sys.exit(main())
