"""A training that stays out of the way: low priority, and no step while somebody is answered."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from squill.client import DaemonClient
from squill.errors import SquillError

if TYPE_CHECKING:
    from collections.abc import Callable

_LOWEST = 19
_LOOK_SECONDS = 0.2
_WAIT_SECONDS = 5.0
_SUPPLIES = Path("/sys/class/power_supply")


def lower_priority(*, idle: bool = False) -> None:
    """The lowest there is for a process of a user; ``idle``: only what nobody else wants.

    Linux knows priorities of threads alone: those that are there already (BLAS's) get it as well.
    """
    if sys.platform != "linux":
        os.nice(_LOWEST)
        return
    for thread in (int(task.name) for task in Path("/proc/self/task").iterdir()):
        with suppress(OSError):  # it has ended
            os.setpriority(os.PRIO_PROCESS, thread, _LOWEST)
            if idle and _LOWEST:
                os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


class Pacer:
    """Waits between two steps for as long as something speaks against the next one.

    ``on_battery``: whether to train without mains; ``most_load``: the load average of one minute,
    in percent of the cores, above which to wait (0: whatever it is). ``report`` gets one sentence
    when a longer wait begins.
    """

    def __init__(
        self, *, on_battery: bool, most_load: int, report: Callable[[str], None], patient: bool
    ) -> None:
        self._on_battery = on_battery
        self._most_load = most_load
        self._report = report
        self._patient = patient
        self._daemon: DaemonClient | None = None
        self._looked = 0.0
        self._told = ""

    def begin(self) -> None:
        """Lower our priority, once the daemon runs: one that we start would inherit it."""
        lower_priority(idle=self._patient)

    async def wait(self) -> None:
        """Returns when nothing speaks against a step."""
        while await self._is_answering():  # noqa: ASYNC110 (the daemon tells only who asks)
            await asyncio.sleep(_LOOK_SECONDS)
        while self._patient and (reason := self._obstacle()):
            if reason != self._told:
                self._report(reason)
            self._told = reason
            await asyncio.sleep(_WAIT_SECONDS)
        self._told = ""

    async def close(self) -> None:
        if self._daemon is not None:
            await self._daemon.close()

    def _obstacle(self) -> str:
        if not self._on_battery and runs_on_battery(_SUPPLIES):
            return "waiting for mains power (learning.on_battery)"
        load = 100 * os.getloadavg()[0] / (os.cpu_count() or 1)
        if self._most_load and load > self._most_load:
            return "waiting until the machine is less busy (learning.most_load)"
        return ""

    async def _is_answering(self) -> bool:
        """Looked at now and then; a daemon that is not there answers nobody."""
        now = asyncio.get_running_loop().time()
        if now - self._looked < _LOOK_SECONDS:
            return False
        self._looked = now
        try:
            if self._daemon is None or not self._daemon.connected:
                self._daemon = await DaemonClient.connect(name="squill train")
            status = await self._daemon.call("status")
        except SquillError:
            return False
        return bool(status["queue"])


def runs_on_battery(supplies: Path) -> bool:
    """Whether a battery is being emptied; False where there is none, or where nothing tells."""
    for state in supplies.glob("*/status"):
        try:
            if state.read_text(encoding="ascii").strip() == "Discharging":
                return True
        except OSError:
            continue
    return False
