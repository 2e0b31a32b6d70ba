"""The command `squill lsp`: the language server over stdin and stdout."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING

from squill import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Serve until the editor says `exit` or closes stdin. stdout carries the protocol only.

    Exit code 1 where the editor said `exit` without `shutdown`, else 0.
    """
    parser = argparse.ArgumentParser(
        prog="squill lsp", description="The language server, over stdin and stdout."
    )
    parser.add_argument("--stdio", action="store_true", help="accepted, and the only transport")
    parser.add_argument("--log-level", default="WARNING", choices=["DEBUG", "INFO", "WARNING"])
    parser.add_argument("--version", action="version", version=f"squill {__version__}")
    options = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=options.log_level)

    from squill_lsp.handlers import register
    from squill_lsp.server import SquillServer

    server = SquillServer()
    register(server)
    server.start_io()
    return server.protocol.exit_code
