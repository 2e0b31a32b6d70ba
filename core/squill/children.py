"""How Squill starts other programs: where no file of the opened folder is imported or run.

Python puts the working folder in front of everything else for ``python -m``, and finds relative
entries of PATH and PYTHONPATH there.
"""

from __future__ import annotations

import os
import sys

NEUTRAL_FOLDER = os.sep
"""The working folder of every program that is started: it is the system's, not the user's."""


def own_module(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules in this Python, without the working folder."""
    return [sys.executable, "-P", "-m", module, *arguments]
