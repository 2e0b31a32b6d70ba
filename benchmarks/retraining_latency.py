"""How much slower the daemon answers while it retrains.

    python benchmarks/retraining_latency.py

A training of thirty pairs runs at its low priority, in a workspace of its own. In turns of a few
seconds it runs, or is stopped (SIGSTOP); in each turn questions are put to the daemon as a person
would, one after the other with pauses. So both kinds of turn meet the same machine, whatever else
that has to do. Times are of whole answers, in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from itertools import cycle
from typing import TYPE_CHECKING

from figures import markdown, percentile
from learning_data import DIALECT, Business, names, read_business
from retraining_kills import own_folders
from squill.children import own_module
from squill.client import DaemonClient, connect_or_start
from squill.errors import NoValidAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WINDOW_SECONDS = 4.0
PAUSE_SECONDS = 0.5
GOAL = 1.3


def make_workspace(folder: Path, business: Business) -> Path:
    examples = folder / "shop" / ".squill" / "examples"
    examples.mkdir(parents=True)
    (folder / "shop" / "tables.sql").write_text(business.ddl)
    (folder / "shop" / "squill.toml").write_text("[learning]\nmost_load = 0\non_battery = true\n")
    lines = [json.dumps({"question": c.question, "sql": c.sql}) for c in business.pairs]
    (examples / "pairs.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "shop"


async def measure(folder: Path, business: Business, answers: int) -> dict[str, list[float]]:
    """Milliseconds of each answer, by "idle" and "training"."""
    times: dict[str, list[float]] = {"idle": [], "training": []}
    questions = cycle([case.question for case in (*business.unseen, *business.plain)])
    async with await connect_or_start() as daemon:
        await _asked(daemon, business, next(questions))  # the first one loads and compiles
        trainer = _train(make_workspace(folder, business))
        try:
            await asyncio.to_thread(_until_steps, trainer)
            while min(map(len, times.values())) < answers and trainer.poll() is None:
                for kind, number in (("idle", signal.SIGSTOP), ("training", signal.SIGCONT)):
                    os.kill(trainer.pid, number)
                    times[kind] += await _window(daemon, business, questions)
        finally:
            trainer.kill()
            trainer.wait()
    return times


def _train(workspace: Path) -> subprocess.Popen[str]:
    command = own_module("squill", "train", "--once", "--background")
    command += ["--workspace", str(workspace)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _until_steps(trainer: subprocess.Popen[str]) -> None:
    """Until it trains; what comes before is spent in the daemon."""
    assert trainer.stderr is not None
    for line in trainer.stderr:
        if line.startswith("step "):
            return
    raise SystemExit("The training ended before its first step.")


async def _window(
    daemon: DaemonClient, business: Business, questions: Iterator[str]
) -> list[float]:
    found = []
    end = time.monotonic() + WINDOW_SECONDS
    while time.monotonic() < end:
        await asyncio.sleep(PAUSE_SECONDS)
        found.append(await _asked(daemon, business, next(questions)))
    return found


async def _asked(daemon: DaemonClient, business: Business, question: str) -> float:
    params = {"schema": business.ddl, "question": question, "dialect": DIALECT}
    began = time.perf_counter()
    with contextlib.suppress(NoValidAnswerError):  # it took its time all the same
        await daemon.call("generate", params)
    return 1000 * (time.perf_counter() - began)


def table(times: dict[str, list[float]]) -> list[list[str]]:
    rows = [["", "idle", "while training", "ratio", "goal"]]
    for percent in (50, 95):
        idle, training = (percentile(times[kind], percent) for kind in ("idle", "training"))
        goal = f"≤ {GOAL}" if percent == 95 else ""
        ratio = f"{training / idle:.2f}"
        rows.append([f"p{percent} of an answer, ms", f"{idle:.1f}", f"{training:.1f}", ratio, goal])
    rows.append(["answers", *(str(len(times[kind])) for kind in times), "", ""])
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--answers", type=int, default=150, help="of each kind")
    parser.add_argument("--business", default="hotel", choices=names())
    options = parser.parse_args()
    business = read_business(options.business)
    with own_folders() as folder:
        times = asyncio.run(measure(folder, business, options.answers))
    print(markdown(table(times)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
