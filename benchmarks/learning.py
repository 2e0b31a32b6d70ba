"""What a model knows of a team's own words before and after it was taught them.

    python benchmarks/learning.py --plot learning.svg --json learning.json

Six made-up businesses, each with words of its own that no model can guess ("whale", "cold file").
Their pairs are taught in the order of the file, a few more at a time, as a user would: into a
workspace's example folder, through `squill train --once`, which measures its adapter through the
daemon and publishes it or not. After each step the adapter in use is asked the questions that no
pair shows, general ones about other tables (the canary), and plain ones about the business's own.

Everything runs in folders of its own; a table goes to standard output. With `--json FILE` every
course is kept as soon as it is measured, and a later run with the same file and the same model
measures only what is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from figures import described, machine
from latency_daemon import start_daemon, use_own_folders
from learning_canary import QUESTIONS, canary
from learning_data import Business, names, read_businesses
from learning_figures import Course, Step, goals, table
from learning_measure import BASE, Examiner, share
from learning_plot import save_plot
from learning_retrain import RetrainingError, retrain
from learning_rows import make_database
from learning_store import load, save
from squill.model_files import content_digest
from squill.paths import EMBEDDED_MODEL
from squill_trainer.evaluation import Database

if TYPE_CHECKING:
    from collections.abc import Callable

    from latency_daemon import Daemon
    from learning_canary import General

SIZES = (5, 10, 20, 30)
QUICK_SIZES = (30,)
QUICK_QUESTIONS = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: after how many pairs, with how many general questions."""

    sizes: tuple[int, ...]
    questions: int
    hurried: bool

    def about(self) -> dict[str, object]:
        return {"model": content_digest(EMBEDDED_MODEL), "sizes": list(self.sizes)} | {
            "questions": self.questions
        }


class Measuring:
    """One business's course: teaches, asks, and keeps the figures."""

    def __init__(
        self, daemon: Daemon, business: Business, general: list[General], folder: Path
    ) -> None:
        self._daemon = daemon
        self._examiner = Examiner(daemon.client)
        self._business = business
        self._general = general
        self._database = folder / f"{business.name}.sqlite"
        self._workspace = folder / business.name
        self._workspace.mkdir()
        (self._workspace / "schema.sql").write_text(business.ddl, encoding="utf-8")
        make_database(business, self._database)

    async def course(self, plan: Plan) -> Course:
        first = await self._measured(Step(0, BASE, 0, 0, 0, None))
        taught = [
            await self._measured(await self._taught(size, hurried=plan.hurried))
            for size in plan.sizes
        ]
        return Course(self._business.name, (first, *taught))

    async def _taught(self, size: int, *, hurried: bool) -> Step:
        """With what it cost, and no answers yet."""
        pairs = self._business.pairs[:size]
        began, before = time.monotonic(), self._daemon_seconds()
        # Off the event loop, which answers for the client meanwhile.
        done = await asyncio.to_thread(retrain, pairs, self._workspace, hurried=hurried)
        cpu_seconds = done.cpu_seconds + self._daemon_seconds() - before
        seconds = time.monotonic() - began
        return Step(size, done.adapter or BASE, 0, 0, 0, seconds, cpu_seconds, done.said)

    def _daemon_seconds(self) -> float:
        used = self._daemon.process.cpu_times()
        return used.user + used.system

    async def _measured(self, step: Step) -> Step:
        business, examiner, adapter = self._business, self._examiner, step.adapter
        with Database(self._database) as database:
            unseen = await examiner.execution(business, business.unseen, database, adapter)
            plain = await examiner.execution(business, business.plain, database, adapter)
        general = await examiner.canonical_match(self._general, adapter)
        step = replace(
            step,
            unseen=share(unseen),
            canary=share(general),
            plain=share(plain),
            verdicts=tuple(unseen),
        )
        print(_progress(business.name, step), file=sys.stderr, flush=True)
        return step


def _progress(name: str, step: Step) -> str:
    taught = f"{step.pairs} pairs in {step.seconds:.0f} s" if step.seconds else "before"
    which = step.adapter[:8] or "no adapter"
    return (
        f"{name}, {taught}, {which}: {step.unseen:.0%} right, plain {step.plain:.0%}, "
        f"canary {step.canary:.1%}. {step.said}"
    )


async def measure(
    businesses: list[Business], plan: Plan, folder: Path, measured: Callable[[Course], None]
) -> None:
    """``measured`` takes each course as it is done."""
    general = canary(plan.questions)
    daemon = await start_daemon(EMBEDDED_MODEL, folder)
    try:
        for business in businesses:
            measured(await Measuring(daemon, business, general, folder).course(plan))
    finally:
        await daemon.close()


def main() -> int:
    options = _options()
    sizes = () if options.before else QUICK_SIZES if options.quick else options.sizes
    plan = Plan(sizes, QUICK_QUESTIONS if options.quick else QUESTIONS, options.hurried)
    about = plan.about()
    courses = load(options.json, about) if options.json else []
    known = {course.name for course in courses}
    missing = [one for one in read_businesses(options.schemas) if one.name not in known]

    def keep(course: Course) -> None:
        courses.append(course)
        if options.json:
            save(courses, options.json, about)

    with tempfile.TemporaryDirectory(prefix="squill-learning-") as name:
        folder = Path(name).resolve()  # as a process says it that works in it
        use_own_folders(folder)
        try:
            asyncio.run(measure(missing, plan, folder, keep))
        except RetrainingError as error:
            print(error, file=sys.stderr)
            return 1
    _show(sorted(courses, key=lambda course: course.name), options.plot)
    print(
        "\n" + described(machine() | about | {"load": f"{os.getloadavg()[0]:.1f} before the end"})
    )
    return 0


def _show(courses: list[Course], plot: Path | None) -> None:
    print(table(courses))
    for text, met in goals(courses):
        print(f"- {text}: {'met' if met else 'not met'}")
    if plot:
        save_plot(courses, plot)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--schemas", type=_chosen, default=[], metavar="A,B", help="only these")
    parser.add_argument(
        "--sizes", type=_sizes, default=SIZES, metavar="N,M", help="after so many pairs each"
    )
    parser.add_argument(
        "--hurried", action="store_true", help="train at this priority: others use the machine"
    )
    parser.add_argument("--before", action="store_true", help="teach nothing: the base model alone")
    parser.add_argument("--quick", action="store_true", help="one step of 30 pairs, a small canary")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every answer, and go on")
    parser.add_argument("--plot", type=_plot, metavar="FILE", help="FILE.svg or FILE.png")
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(size) for size in text.split(",")))


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
