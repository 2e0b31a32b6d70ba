"""A daemon of our own to ask: the one that editors use, apart from that of the user."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill import __version__
from squill.children import NEUTRAL_FOLDER
from squill.client import DaemonClient, daemon_command
from squill.errors import (
    DaemonError,
    DaemonUnavailableError,
    ModelError,
    SquillError,
)
from squill_trainer.evaluation.predictions import Prediction, Run, fingerprint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from squill_trainer.evaluation.questions import Question

LISTEN_SECONDS = 60.0
STOP_SECONDS = 20.0
BUDGET_MS = 60_000
"""For one answer: a slow machine is to make figures late, not worse."""

_SMALLEST = "CREATE TABLE a (b TEXT);"


@asynccontextmanager
async def private_daemon(model: str, *, constrained: bool) -> AsyncIterator[DaemonClient]:
    """A client of a new daemon with the model loaded; both end with the block.

    The daemon leaves with its last client, so that it outlives no killed evaluation.

    Raises:
        ModelError: the model cannot be loaded.
        DaemonUnavailableError: the daemon cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="squill-") as folder:
        process = await _start(Path(folder), model, constrained=constrained)
        try:
            client = await DaemonClient.connect(await _socket(process), name="squill eval")
            async with client:
                await client.call("retire")
                await client.call("prefill", {"schema": _SMALLEST, "adapter": ""})
                yield client
        finally:
            await _end(process)


async def _start(folder: Path, model: str, *, constrained: bool) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if name != "SQUILL_MODEL"}
    for name in ("RUNTIME", "STATE", "CONFIG"):
        (folder / name).mkdir(mode=0o700)
        environment[f"SQUILL_{name}_DIR"] = str(folder / name)
    settings = (
        f"generation.constrained = {str(constrained).lower()}\n"
        "daemon.keep_prompt = false\ndaemon.idle_minutes = 0\n"
    )
    (folder / "CONFIG" / "squill.toml").write_text(settings, encoding="utf-8")
    command = [*daemon_command(), "run", "--detach", *(("--model", model) if model else ())]
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
            cwd=NEUTRAL_FOLDER,
        )
    except OSError as error:
        raise DaemonUnavailableError(
            f"A daemon could not be started: {error}. Correct SQUILL_DAEMON_COMMAND."
        ) from error


async def _socket(process: asyncio.subprocess.Process) -> Path:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(LISTEN_SECONDS):
            said = json.loads(await process.stdout.readline() or b"{}")
    except (TimeoutError, ValueError):
        said = {}
    if "listening" not in said:
        reason = said.get("message", "it said nothing")
        raise DaemonUnavailableError(
            f"A daemon could not be started: {reason} Run `squill doctor` to see why."
        )
    return Path(said["listening"])


async def _end(process: asyncio.subprocess.Process) -> None:
    """It has been told to leave with its client; one that does not is killed."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    if process.returncode is None:
        process.kill()
        await process.wait()


async def identify(client: DaemonClient, adapter: str | None, *, constrained: bool) -> Run:
    """Who answers on this connection."""
    status = await client.call("status")
    return Run(
        model=status["model"],
        digest=status["digest"] or "",
        adapter=adapter,
        constrained=constrained,
        version=__version__,
        device=status["device"] or "",
    )


async def ask(client: DaemonClient, question: Question, adapter: str | None) -> Prediction:
    """The first candidate; a schema or question that the daemon refuses has no answer.

    Raises:
        DaemonError, ModelError: no further question would be answered either.
    """
    params = {
        "schema": question.schema,
        "question": question.question,
        "dialect": "sqlite",
        "budget_ms": BUDGET_MS,
        "adapter": adapter or "",
    }
    try:
        return _prediction(question, await client.call("generate", params))
    except (DaemonError, ModelError):
        raise
    except SquillError as error:
        return Prediction(question.id, fingerprint(question), None, error.message, 0.0, 0, 0)


def _prediction(question: Question, answer: Mapping[str, Any]) -> Prediction:
    candidates, tokens = answer["candidates"], answer.get("tokens") or {}
    return Prediction(
        id=question.id,
        asked=fingerprint(question),
        sql=candidates[0]["sql"] if candidates else None,
        refused=answer["refused"],
        milliseconds=answer["milliseconds"]["total"],
        prompt_tokens=tokens.get("prompt", 0),
        generated_tokens=tokens.get("generated", 0),
    )
