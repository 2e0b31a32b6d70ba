"""The running daemon: whether it answers, which version and model it has, its last error.

None is started, and none that has put its model away is woken: `status` loads nothing.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from squill import __version__
from squill.errors import DaemonUnavailableError, SocketPathError, SquillError
from squill.model_files import EMBEDDED_NAME, canonical_model, content_digest
from squill.paths import runtime_paths
from squill.settings import load_settings
from squill_daemon.background import last_words
from squill_daemon.commands.status import daemon_status
from squill_daemon.doctor.finding import failure, failure_of, happened_and_to_do, ok, warning
from squill_daemon.doctor.model import local_model
from squill_daemon.instance import holder
from squill_daemon.logs import last_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from squill_daemon.doctor.finding import Finding

ANSWER_SECONDS = 5.0
_LOOKED_AT = 2000  # last lines of the log


def check_daemon(folder: Path) -> Iterator[Finding]:
    settings = load_settings(folder, lambda _: None)
    try:
        running = holder(runtime_paths()) is not None
        status = asyncio.run(daemon_status(ANSWER_SECONDS)) if running else None
    except SocketPathError as error:
        yield warning("process", "not asked", happened_and_to_do(error.message)[1])
        return
    except DaemonUnavailableError:
        detail = f"runs, but does not answer within {ANSWER_SECONDS:.0f} s"
        yield failure("process", detail, "`squill daemon restart` ends it and starts another.")
        return
    except SquillError as error:
        yield failure_of("process", error)
        return
    if status is None:
        yield _absent(autostart=settings.daemon.autostart)
        yield from _words_of_the_dead()
    else:
        yield ok("process", f"{status['pid']} answers, up for {status['uptime_s']:.0f} s")
        yield _version(status)
        yield from _model(status)
        yield from _same_model(status, canonical_model(settings.model, folder))
        yield from _counted_errors(status)
    yield from _last_error()


def _absent(*, autostart: bool) -> Finding:
    if autostart:
        return ok("process", "not running; the first question starts it")
    detail = "not running, and the setting daemon.autostart keeps it from starting by itself"
    return warning("process", detail, "Run `squill daemon start`.")


def _words_of_the_dead() -> Iterator[Finding]:
    """What the last background daemon left on standard error, if it did not end in good order."""
    path = last_words()
    ended = last_lines(runtime_paths().log, 1)
    if not path.exists() or (ended and _entry(ended[0]).get("message") == "stopped"):
        return
    if lines := path.read_text(encoding="utf-8", errors="replace").splitlines():
        said = next((line for line in lines if line.startswith("Fatal")), lines[-1])
        yield warning("last words", said[:300], f"All of it is in {path}.")


def _version(status: Mapping[str, Any]) -> Finding:
    if status["version"] == __version__:
        return ok("version", __version__)
    detail = f"the daemon is Squill {status['version']}, this command {__version__}"
    return warning("version", detail, "Run `squill daemon restart`.")


def _model(status: Mapping[str, Any]) -> Iterator[Finding]:
    state, message = status["state"], status["message"]
    if state == "model_error":
        yield failure("model", *happened_and_to_do(message))
    else:
        yield ok("model", f"{state}: {message}")
    for name in ("adapter", "log"):
        if problem := status.get(f"{name}_problem"):
            yield warning(name, *happened_and_to_do(problem))


def _same_model(status: Mapping[str, Any], wanted: str) -> Iterator[Finding]:
    """Whether it serves what the settings name, as the files are now."""
    served = status["model"]
    if served != (wanted or EMBEDDED_NAME):
        detail = f"it serves {served}; the settings name {wanted or EMBEDDED_NAME}"
        option = f" --model {wanted}" if wanted else ""
        yield warning("served model", detail, f"Run `squill daemon restart{option}`.")
        return
    place = local_model(wanted)
    if status["digest"] and place and content_digest(place) != status["digest"]:
        detail = f"the files in {place} are no longer those that it loaded"
        yield warning("served model", detail, "Run `squill daemon restart`.")


def _counted_errors(status: Mapping[str, Any]) -> Iterator[Finding]:
    if errors := status.get("errors"):
        counts = ", ".join(f"{code} {count}" for code, count in sorted(errors.items()))
        yield ok("refused requests", counts)


def _last_error() -> Iterator[Finding]:
    """The last warning or error in the log since the last start."""
    found: dict[str, Any] | None = None
    for line in last_lines(runtime_paths().log, _LOOKED_AT):
        entry = _entry(line)
        if entry.get("message") == "started":
            found = None
        elif entry.get("level") in ("warning", "error", "critical"):
            found = entry
    if found:
        reason = f": {found['reason']}" if "reason" in found else ""
        detail = f"{found.get('time', '')} {found['level']}: {found.get('message')}{reason}"
        yield warning("last error", detail[:400], "`squill logs` has what came before it.")


def _entry(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
