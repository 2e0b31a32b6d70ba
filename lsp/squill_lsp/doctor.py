"""``squill doctor`` as a program of its own: its checks belong to the daemon's package."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from squill.children import NEUTRAL_FOLDER, own_module
from squill.errors import SquillError

DOCTOR_SECONDS = 180.0


async def doctor(folder: Path | None) -> dict[str, Any]:
    """Its report on ``folder``, as ``squill doctor --json`` prints it.

    Raises:
        SquillError: it cannot be run.
    """
    process = await asyncio.create_subprocess_exec(
        *own_module("squill", "doctor", "--json", "--workspace", str(folder or Path.cwd())),
        cwd=NEUTRAL_FOLDER,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DOCTOR_SECONDS):
            output, errors = await process.communicate()
        report: dict[str, Any] = json.loads(output)
    except (TimeoutError, ValueError) as error:
        raise SquillError("`squill doctor` did not report. Run it in a terminal.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if errors:
        report["notes"] = errors.decode(errors="replace").strip()
    return report
