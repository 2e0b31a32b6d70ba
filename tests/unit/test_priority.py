"""A training in the background computes only what nobody else would."""

from __future__ import annotations

import subprocess
import sys

import pytest

OF_EACH_THREAD = """
import os, sys, threading
from pathlib import Path
from squill_trainer.learning.pacing import lower_priority
threading.Thread(target=threading.Event().wait, daemon=True).start()
lower_priority(idle="idle" in sys.argv)
for task in Path("/proc/self/task").iterdir():
    number = int(task.name)
    print(os.getpriority(os.PRIO_PROCESS, number), os.sched_getscheduler(number))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems know processes alone")
@pytest.mark.parametrize(("arguments", "policy"), [((), 0), (("idle",), 5)])
def test_every_thread_gets_the_lowest_priority(arguments: tuple[str, ...], policy: int) -> None:
    command = [sys.executable, "-c", OF_EACH_THREAD, *arguments]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    assert lines[:-1] == [f"19 {policy}"] * 2
