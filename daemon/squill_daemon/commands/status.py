"""``squill status``: what the daemon is doing. It asks the daemon alone, and wakes no model."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.adapters import user_registry
from squill.client import DaemonClient
from squill.errors import AdapterError, DaemonUnavailableError, SquillError
from squill.paths import runtime_paths
from squill_daemon.instance import holder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TROUBLE = 3
ANSWER_SECONDS = 10.0
_DIGEST_DIGITS = 12


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: it runs; 2: usage; 3: it does not, or does not answer."""
    parser = argparse.ArgumentParser(
        prog="squill status", description="What the process that holds the model is doing."
    )
    add_options(parser)
    return show_status(as_json=parser.parse_args(argv).json)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object")


def show_status(*, as_json: bool) -> int:
    try:
        status = asyncio.run(daemon_status(ANSWER_SECONDS))
    except SquillError as error:
        _show_trouble(error, as_json=as_json)
        return TROUBLE
    status |= adapters_in_use(Path.cwd())
    print(json.dumps(status, indent=2) if as_json else describe(status))
    return 0


def _show_trouble(error: SquillError, *, as_json: bool) -> None:
    if not as_json:
        print(f"squill status: {error.message}", file=sys.stderr)
        return
    missing = isinstance(error, DaemonUnavailableError) and holder(runtime_paths()) is None
    state = "stopped" if missing else "not answering"
    print(json.dumps({"state": state, "message": error.message}))


async def daemon_status(seconds: float) -> dict[str, Any]:
    """The running daemon's `status`.

    Raises:
        DaemonUnavailableError: none runs, or it does not answer within ``seconds``.
        SquillError: the daemon is of another version, or its socket is not private.
    """
    try:
        async with asyncio.timeout(seconds):
            async with await DaemonClient.connect(name="squill status", timeout=seconds) as client:
                status: dict[str, Any] = await client.call("status")
                return status
    except TimeoutError as error:
        raise DaemonUnavailableError(
            f"The daemon did not answer within {seconds:.0f} s. Run `squill daemon restart`."
        ) from error


def adapters_in_use(folder: Path) -> dict[str, Any]:
    """Which adapter answers a question asked in ``folder``, and what each workspace has chosen.

    The daemon's own `adapter` is the one of workspaces that have chosen none.
    """
    registry = user_registry()
    found: dict[str, Any] = {"workspace": str(folder)}
    try:
        found["workspace_adapter"] = registry.active(str(folder))
        chosen = registry.chosen()
    except AdapterError as error:
        return found | {"workspace_adapter": None, "adapter_problem": error.message}
    return found | {"workspace_adapters": {w: digest for w, digest in chosen.items() if w}}


def describe(status: Mapping[str, Any]) -> str:
    """The status for a person, one figure a line; what a daemon does not tell is left out."""
    rows = {
        "state": _joined(status, "state", "message"),
        "up": _duration(status.get("uptime_s")),
        "model": _model(status),
        "adapter": _adapter(status),
        "workspaces": _workspaces(status.get("workspace_adapters") or {}),
        "adapter problem": status.get("adapter_problem"),
        "log problem": status.get("log_problem"),
        "device": status.get("device"),
        "blas": status.get("blas"),
        "queue": _queue(status),
        "answers": _answers(status.get("answers") or {}),
        "cache": _cache(status.get("cache") or {}),
        "tokens saved": _saved(status),
        "tokens generated": _count(status.get("tokens_generated")),
        "memory": _bytes(status.get("memory_bytes")),
        "model loaded": _times(status.get("loads")),
        "cancelled": status.get("cancelled") or None,
        "errors": _errors(status.get("errors") or {}),
        "process": status.get("pid"),
        "version": _version(status),
    }
    shown = {name: value for name, value in rows.items() if value not in (None, "")}
    return "\n".join(f"{name:17} {value}" for name, value in shown.items())


def _model(status: Mapping[str, Any]) -> str | None:
    model, named_by = status.get("model"), status.get("model_named_by")
    return f"{model}, for {named_by}" if named_by else model


def _adapter(status: Mapping[str, Any]) -> str:
    if "workspace" not in status:
        return _short(status.get("adapter"))
    return f"{_short(status['workspace_adapter'])} for questions asked in this folder"


def _workspaces(chosen: Mapping[str, str | None]) -> str:
    """Those with an adapter, one a line."""
    return f"\n{'':17} ".join(
        f"{_short(digest)} {workspace}" for workspace, digest in sorted(chosen.items()) if digest
    )


def _short(digest: str | None) -> str:
    return (digest or "none")[:_DIGEST_DIGITS]


def _joined(status: Mapping[str, Any], *names: str) -> str:
    return ": ".join(str(status[name]) for name in names if status.get(name))


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.0f} s" if seconds < 100 else str(timedelta(seconds=round(seconds)))


def _queue(status: Mapping[str, Any]) -> str:
    """The number of unanswered requests, and how many are in which state."""
    states = status.get("requests") or {}
    told = ", ".join(f"{count} {state}" for state, count in states.items() if count)
    queued = str(status.get("queue", ""))
    return f"{queued} ({told})" if told else queued


def _answers(answers: Mapping[str, Any]) -> str:
    if not answers.get("count"):
        return str(answers.get("count", ""))
    times = f"p50 {answers['p50_ms']:.0f} ms, p95 {answers['p95_ms']:.0f} ms"
    return f"{_count(answers['count'])} (the last hundred: {times})"


def _cache(cache: Mapping[str, Any]) -> str:
    parts = []
    if cache.get("hit_rate") is not None:
        parts.append(f"{cache['hit_rate']:.0%} of prompt tokens were there already")
    if "entries" in cache:
        size = f"{_bytes(cache.get('bytes'))} of {_bytes(cache.get('budget_bytes'))}"
        parts.append(f"{cache['entries']} prompts, {size}")
    return "; ".join(parts)


def _saved(status: Mapping[str, Any]) -> str:
    """Prompt tokens that were not read again, and written ones that took no choosing."""
    cached = (status.get("cache") or {}).get("cached_tokens")
    forced = (status.get("answers") or {}).get("forced_tokens")
    known = {"by the cache": cached, "by the grammar": forced}
    return ", ".join(f"{_count(n)} {how}" for how, n in known.items() if n is not None)


def _errors(errors: Mapping[str, int]) -> str:
    most = sorted(errors.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{code} {count}" for code, count in most)


def _version(status: Mapping[str, Any]) -> str:
    protocol = f" (protocol {status['protocol']})" if "protocol" in status else ""
    return f"{status.get('version', '')}{protocol}"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _times(number: int | None) -> str:
    return "" if number is None else "once" if number == 1 else f"{number} times"


def _bytes(number: int | None) -> str:
    return "" if number is None else f"{number / 1e6:,.0f} MB"
