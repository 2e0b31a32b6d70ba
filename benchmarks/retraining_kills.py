"""Kills trainer and daemon at random moments; whatever was under way, nothing may be lost.

    python benchmarks/retraining_kills.py --kills 50

Each round keeps one more pair, begins a training, and kills the trainer, the daemon or both with
SIGKILL: a random while after the training began, after one of its steps, or about when its
adapter is published, measured and put in use. Then, with a new daemon, the registry must be whole,
an adapter in use, and every pair there. A tiny model stands for the real one; the processes are
real, in folders of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from squill.adapters import adapter_digest, user_registry
from squill.client import DaemonClient, connect_or_start
from squill.errors import AdapterError, DaemonUnavailableError, NoValidAnswerError
from squill.pairs import keep
from squill.pairs.store import PairStore
from squill.settings import Settings
from squill.training import TrainingHistory

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[1] / "tests"
TABLE = "CREATE TABLE clients (id INTEGER, name TEXT, grade TEXT);"
STEPS = 12
SETTINGS = "[generation]\nmax_tokens = 12\n"
"""A random model does not come to an end by itself."""
VICTIMS = ("trainer", "daemon", "both")
MOMENTS = ("start", "step", "published")
_LONGEST_DELAY = {"start": 8.0, "step": 0.3, "published": 1.5}
_MARKS = {"step": "step ", "published": f"step {STEPS}/"}


@dataclass
class Found:
    """What the kills met, and what was wrong after them."""

    moments: Counter[str] = field(default_factory=Counter)
    victims: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    adapters: int = 0
    swaps: int = 0
    pairs: int = 0
    seconds: float = 0.0


class World:
    """A workspace and a tiny model in ``folder``, which this process's environment names."""

    def __init__(self, folder: Path) -> None:
        sys.path.append(str(TESTS))
        from tiny_model import make_tiny_model

        self.model = make_tiny_model(folder / "model")
        self.workspace = folder / "shop"
        self.workspace.mkdir()
        (self.workspace / "tables.sql").write_text(TABLE)
        self.settings = Settings(model=str(self.model))
        self.kept = 0

    def keep_pair(self) -> None:
        self.kept += 1
        sql = f"SELECT name FROM clients WHERE grade = '{self.kept}'"
        keep(self.workspace, f"clients of grade {self.kept}", sql, "sqlite")

    def train(self) -> subprocess.Popen[str]:
        command = [sys.executable, str(TESTS / "quick_trainer.py"), "--once"]
        where = ["--workspace", str(self.workspace), "--model", str(self.model)]
        return subprocess.Popen(
            [*command, *where],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"SQUILL_TEST_STEPS": str(STEPS)},
        )

    async def problems(self, *, adapter_expected: bool) -> list[str]:
        """What is not as it must be, with a daemon that was started if there was none."""
        registry = user_registry()
        found = [f"damaged: {error.message}" for error in registry.damaged()]
        found += [
            f"adapter {card.digest[:12]} is not what was published"
            for card in registry.cards()
            if adapter_digest(registry.folder(card.digest)) != card.digest
        ]
        pairs = PairStore(self.workspace, self.settings).load()
        if len(pairs.usable) != self.kept:
            found.append(f"{len(pairs.usable)} pairs of {self.kept} are left")
        try:
            found += await self._problems_of_answers(adapter_expected=adapter_expected)
        except (AdapterError, DaemonUnavailableError) as error:
            found.append(error.message)
        return found

    async def _problems_of_answers(self, *, adapter_expected: bool) -> list[str]:
        active = user_registry().active(str(self.workspace))
        if active is None:
            return ["no adapter is in use any more"] if adapter_expected else []
        params = {
            "schema": TABLE,
            "question": "clients of grade 1",
            "workspace": str(self.workspace),
            "budget_ms": 500,
        }
        async with await connect_or_start(options=("--model", str(self.model))) as daemon:
            try:
                answer = await daemon.call("generate", params)
            except NoValidAnswerError:
                return []
        used = answer["adapter"]
        return [] if used == active else [f"{used} answers in the place of {active}"]


async def kill_at_random(world: World, kills: int, seed: int = 0) -> Found:
    """One training to its end first, so that there is an adapter to lose; then the kills."""
    rng, found, began = Random(seed), Found(), time.monotonic()
    world.keep_pair()
    with _training(world) as trainer:
        _, said = await asyncio.to_thread(trainer.communicate)
    if user_registry().active(str(world.workspace)) is None:
        found.problems.append(f"the first training brought no adapter: {said[-300:]}")
    for number in range(kills):
        world.keep_pair()
        moment, victim = MOMENTS[number % len(MOMENTS)], rng.choice(VICTIMS)
        with _training(world) as trainer:
            await _kill(trainer, moment, victim, rng)
        found.moments[moment] += 1
        found.victims[victim] += 1
        told = f"kill {number + 1} ({victim}, {moment})"
        wrong = await world.problems(adapter_expected=True)
        found.problems += [f"{told}: {problem}" for problem in wrong]
        for problem in wrong:
            print(f"\n{told}: {problem}", file=sys.stderr)
        print(f"\r{number + 1} of {kills}", end="", file=sys.stderr, flush=True)
    with _training(world) as trainer:
        await asyncio.to_thread(trainer.communicate)
        if trainer.returncode not in (0, 1):
            found.problems.append(f"the last training ended with exit code {trainer.returncode}")
    found.problems += await world.problems(adapter_expected=True)
    found.adapters = len(user_registry().cards())
    found.swaps = sum(each.promoted for each in TrainingHistory(world.workspace).read())
    found.pairs, found.seconds = world.kept, time.monotonic() - began
    return found


@contextlib.contextmanager
def _training(world: World) -> Iterator[subprocess.Popen[str]]:
    """It has ended when the context has: by itself, or killed."""
    with world.train() as trainer:
        try:
            yield trainer
        finally:
            trainer.kill()


async def _kill(trainer: subprocess.Popen[str], moment: str, victim: str, rng: Random) -> None:
    if mark := _MARKS.get(moment):
        await asyncio.to_thread(_until_said, trainer, mark, rng.randrange(STEPS))
    await asyncio.sleep(rng.uniform(0.0, _LONGEST_DELAY[moment]))
    if victim in ("daemon", "both"):
        await kill_daemon()
    if victim in ("trainer", "both"):
        trainer.kill()
    else:
        await asyncio.to_thread(trainer.communicate)


def _until_said(trainer: subprocess.Popen[str], mark: str, passed_over: int) -> None:
    """Until a line begins so; of those that tell a step, the one after ``passed_over`` others."""
    assert trainer.stderr is not None
    for line in trainer.stderr:
        if line.startswith(mark):
            passed_over -= 1
            if passed_over < 0 or mark != "step ":
                return


async def kill_daemon() -> None:
    with contextlib.suppress(DaemonUnavailableError, ProcessLookupError):
        async with await DaemonClient.connect() as daemon:
            os.kill(daemon.hello["pid"], 9)
            await daemon.wait_closed()


@contextlib.contextmanager
def own_folders(settings: str = "") -> Iterator[Path]:
    """This process and its children work in folders of their own; the daemon ends with them.

    ``settings`` are those of the user, as TOML.
    """
    with tempfile.TemporaryDirectory(prefix="squill-", dir="/tmp") as name:
        folder = Path(name)
        for kind in ("RUNTIME", "STATE", "CACHE", "CONFIG", "DATA"):
            os.environ[f"SQUILL_{kind}_DIR"] = str(folder / kind.lower())
        os.environ.pop("SQUILL_MODEL", None)
        (folder / "config").mkdir()
        (folder / "config" / "squill.toml").write_text(settings)
        try:
            yield folder
        finally:
            asyncio.run(kill_daemon())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with own_folders(SETTINGS) as folder:
        found = asyncio.run(kill_at_random(World(folder), options.kills, options.seed))
    print(f"\n{_table(found)}")
    print("\n".join(found.problems))
    return 1 if found.problems else 0


def _table(found: Found) -> str:
    from figures import markdown

    def counted(counts: Counter[str]) -> str:
        return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))

    rows: list[list[Any]] = [
        ["", "figure"],
        ["kills", f"{found.moments.total()} ({counted(found.victims)})"],
        ["moments", counted(found.moments)],
        ["adapters published", str(found.adapters)],
        ["trainings that came to their end and changed the adapter in use", str(found.swaps)],
        ["pairs kept, and there at the end", str(found.pairs)],
        ["problems", str(len(found.problems))],
        ["seconds", f"{found.seconds:.0f}"],
    ]
    return markdown(rows)


if __name__ == "__main__":
    sys.exit(main())
