"""The daemon's process: from settings to a served socket."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from squill.paths import runtime_paths
from squill.private import make_private_directory
from squill_daemon.background import listening_line
from squill_daemon.instance import single_instance
from squill_daemon.logs import log_to_file
from squill_daemon.server import Server

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from squill.paths import RuntimePaths
    from squill.settings import Settings
    from squill_daemon.engine import Engine

log = logging.getLogger(__name__)


def run(
    settings: Settings,
    make_engine: Callable[[], Engine],
    report: Callable[[str], None],
) -> int:
    """Serve until told to stop; ``report`` gets one JSON line when the socket is listened on.

    Raises:
        AlreadyRunningError: a daemon of this user answers already.
        DaemonError: the socket cannot be made.
    """
    paths = runtime_paths()
    with single_instance(paths) as listener:
        _prepare(paths, settings)
        ended = asyncio.run(_serve(settings, listener, make_engine(), report, paths))
    log.info("stopped")
    if not ended:
        # The model thread is stuck in foreign code; an ordinary exit would wait for it.
        log.error("the model thread did not end")
        logging.shutdown()
        os._exit(1)
    return 0


def _prepare(paths: RuntimePaths, settings: Settings) -> None:
    os.umask(0o077)  # whatever the daemon writes is its user's alone
    log_to_file(paths.log, settings.daemon.log_bytes)
    use_private_temporary(paths)
    log.info("started", extra={"socket": str(paths.socket), "model": settings.model})


def use_private_temporary(paths: RuntimePaths) -> None:
    """mx.compile loads libraries from TMPDIR: a shared /tmp would be a way in."""
    os.environ["TMPDIR"] = str(make_private_directory(paths.temporary))


async def _serve(
    settings: Settings,
    listener: socket.socket,
    engine: Engine,
    report: Callable[[str], None],
    paths: RuntimePaths,
) -> bool:
    server = Server(listener, engine, settings.daemon.queue_limit)
    return await server.run(lambda: report(listening_line(paths.socket)))
