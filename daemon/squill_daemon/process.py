"""The daemon's process: from settings to a served socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
from typing import TYPE_CHECKING

from squill.paths import runtime_paths
from squill.private import make_private_directory
from squill_daemon.background import listening_line
from squill_daemon.instance import single_instance
from squill_daemon.logs import log_to_file
from squill_daemon.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from squill.model_choice import ModelChoice
    from squill.paths import RuntimePaths
    from squill.settings import Settings
    from squill_daemon.engine import Engine
    from squill_daemon.instance import Claim

log = logging.getLogger(__name__)

_OPEN_FILES = 1024  # 256 is the default on macOS: too few for that many clients and a model


def run(
    settings: Settings,
    choice: ModelChoice,
    make_engine: Callable[[], Engine],
    report: Callable[[str], None],
) -> int:
    """Serve ``choice`` until told to stop; ``report`` gets one JSON line once it listens.

    Raises:
        AlreadyRunningError: a daemon of this user answers already.
        DaemonError: the socket cannot be made.
    """
    _fill_standard_streams()
    _raise_file_limit()
    paths = runtime_paths()
    with single_instance(paths) as claim:
        _prepare(paths, settings)
        ended = asyncio.run(_serve(settings, choice, claim, make_engine(), report))
    log.info("stopped")
    if not ended:
        # The model thread is stuck in foreign code; an ordinary exit would wait for it.
        log.error("the model thread did not end")
        logging.shutdown()
        os._exit(1)
    return 0


def _fill_standard_streams() -> None:
    """Where the starter closed some of them, the lock or the socket would get their numbers.

    Whatever then writes to standard output, or replaces it, would hit those.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # fewer clients will have to do
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _prepare(paths: RuntimePaths, settings: Settings) -> None:
    os.umask(0o077)  # whatever the daemon writes is its user's alone
    log_to_file(paths.log, settings.daemon.log_bytes)
    use_private_temporary(paths)
    log.info("started", extra={"socket": str(paths.socket), "model": settings.model})


def use_private_temporary(paths: RuntimePaths) -> None:
    """mx.compile loads libraries from TMPDIR: a shared /tmp would be a way in."""
    os.environ["TMPDIR"] = str(make_private_directory(paths.temporary, "SQUILL_CACHE_DIR"))


async def _serve(
    settings: Settings,
    choice: ModelChoice,
    claim: Claim,
    engine: Engine,
    report: Callable[[str], None],
) -> bool:
    server = Server(claim, engine, settings.daemon, choice)
    return await server.run(lambda: report(listening_line(claim.paths.socket)))
