"""What a model knows of a team's own words before and after it was taught them.

    python benchmarks/learning.py --plot learning.svg --json learning.json

Six made-up businesses, each with words of its own that no model can guess ("whale", "cold file").
Their pairs are taught in the order of the file, a few more at a time, as a user would: into a
workspace's example folder, through `squill train --once`, which measures its adapter through the
daemon and publishes it or not. After each step the adapter in use is asked the questions that no
pair shows, general ones about other tables (the canary), and plain ones about the business's own.

Everything runs in folders of its own; a table goes to standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from figures import described, machine, save_json
from latency_daemon import start_daemon, use_own_folders
from learning_canary import QUESTIONS, canary
from learning_data import Business, names, read_businesses
from learning_figures import Course, Step, goals, table
from learning_measure import BASE, Examiner, share
from learning_plot import save_plot
from learning_retrain import RetrainingError, retrain
from learning_rows import make_database
from squill.paths import EMBEDDED_MODEL
from squill_trainer.evaluation import Database

if TYPE_CHECKING:
    from learning_canary import General

SIZES = (5, 10, 20, 30)
QUICK_SIZES = (30,)
QUICK_QUESTIONS = 60


class Measuring:
    """One business's course: teaches, asks, and keeps the figures."""

    def __init__(
        self, examiner: Examiner, business: Business, general: list[General], folder: Path
    ) -> None:
        self._examiner = examiner
        self._business = business
        self._general = general
        self._database = folder / f"{business.name}.sqlite"
        self._workspace = folder / business.name
        self._workspace.mkdir()
        (self._workspace / "schema.sql").write_text(business.ddl, encoding="utf-8")
        make_database(business, self._database)

    async def course(self, sizes: tuple[int, ...]) -> Course:
        steps = [await self._measured(0, BASE, None)]
        for size in sizes:
            began = time.monotonic()
            pairs = self._business.pairs[:size]
            # Off the event loop, which answers for the client meanwhile.
            adapter = await asyncio.to_thread(retrain, pairs, self._workspace)
            seconds = time.monotonic() - began
            steps.append(await self._measured(size, adapter or BASE, seconds))
        return Course(self._business.name, tuple(steps))

    async def _measured(self, pairs: int, adapter: str, seconds: float | None) -> Step:
        business, examiner = self._business, self._examiner
        with Database(self._database) as database:
            unseen = await examiner.execution(business, business.unseen, database, adapter)
            plain = await examiner.execution(business, business.plain, database, adapter)
        general = await examiner.canonical_match(self._general, adapter)
        step = Step(
            pairs=pairs,
            adapter=adapter,
            unseen=share(unseen),
            canary=share(general),
            plain=share(plain),
            seconds=seconds,
            verdicts=tuple(unseen),
        )
        print(_progress(business.name, step), file=sys.stderr, flush=True)
        return step


def _progress(name: str, step: Step) -> str:
    taught = f"{step.pairs} pairs in {step.seconds:.0f} s" if step.seconds else "before"
    which = step.adapter[:8] or "no adapter"
    return f"{name}, {taught}, {which}: {step.unseen:.0%} right, canary {step.canary:.1%}"


async def measure(
    businesses: list[Business], sizes: tuple[int, ...], questions: int, folder: Path
) -> list[Course]:
    general = canary(questions)
    daemon = await start_daemon(EMBEDDED_MODEL, folder)
    try:
        examiner = Examiner(daemon.client)
        return [
            await Measuring(examiner, business, general, folder).course(sizes)
            for business in businesses
        ]
    finally:
        await daemon.close()


def main() -> int:
    options = _options()
    sizes = () if options.before else QUICK_SIZES if options.quick else SIZES
    questions = QUICK_QUESTIONS if options.quick else QUESTIONS
    businesses = read_businesses(options.schemas)
    with tempfile.TemporaryDirectory(prefix="squill-learning-") as name:
        folder = Path(name).resolve()  # as a process says it that works in it
        use_own_folders(folder)
        try:
            courses = asyncio.run(measure(businesses, sizes, questions, folder))
        except RetrainingError as error:
            print(error, file=sys.stderr)
            return 1
    print(table(courses))
    for text, met in goals(courses):
        print(f"- {text}: {'met' if met else 'not met'}")
    if options.json:
        content = {"machine": machine(), "courses": [asdict(course) for course in courses]}
        save_json(options.json, content)
    if options.plot:
        save_plot(courses, options.plot)
    print("\n" + described(machine() | {"load": f"{os.getloadavg()[0]:.1f} before the end"}))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--schemas", type=_chosen, default=[], metavar="A,B", help="only these")
    parser.add_argument("--before", action="store_true", help="teach nothing: the base model alone")
    parser.add_argument("--quick", action="store_true", help="one step of 30 pairs, a small canary")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every answer")
    parser.add_argument("--plot", type=_plot, metavar="FILE", help="FILE.svg or FILE.png")
    return parser.parse_args()


def _chosen(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := sorted(set(chosen) - set(names())):
        raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; known: {', '.join(names())}")
    return chosen


def _plot(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".svg", ".png"):
        raise argparse.ArgumentTypeError("the plot's file name must end in .svg or .png")
    return path


if __name__ == "__main__":
    sys.exit(main())
