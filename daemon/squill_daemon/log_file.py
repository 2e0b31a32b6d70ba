"""A log file that may fail: a full disk ends neither the daemon nor anything else."""

from __future__ import annotations

import contextlib
import logging
import sys
from logging.handlers import RotatingFileHandler


class LogFile(RotatingFileHandler):
    """``problem`` says why the last record could not be written, empty where it could.

    Each record is tried anew, so that the log goes on once there is room. Only the first failure
    of a row is told, on standard error.
    """

    problem = ""
    _failed = False

    def emit(self, record: logging.LogRecord) -> None:
        self._failed = False
        super().emit(record)
        if not self._failed:
            self.problem = ""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 (logging names it)
        self._failed = True
        error = sys.exc_info()[1]
        reason = getattr(error, "strerror", None) or repr(error)
        if not self.problem and sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                print(f"The log {self.baseFilename} is not written: {reason}.", file=sys.stderr)
        self.problem = (
            f"The log {self.baseFilename} is not written ({reason}). "
            "Make room, or correct the permissions of its folder."
        )


def log_problem() -> str:
    """Why the log is not written, empty where it is."""
    files = (h for h in logging.getLogger().handlers if isinstance(h, LogFile))
    return next((file.problem for file in files if file.problem), "")
