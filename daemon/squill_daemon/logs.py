"""The daemon's log: one JSON object a line, in a file of limited size.

Nothing that a user wrote goes into it: no question, no schema, no query.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

OLD_FILES = 3

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Time (UTC), level, logger and message, then whatever was passed as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
        }
        entry |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=repr)


def log_to_file(path: Path, max_bytes: int) -> None:
    """Send Squill's log to ``path``; at ``max_bytes`` it becomes ``path.1``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=max_bytes, backupCount=OLD_FILES, encoding="utf-8", delay=True
    )
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    logging.captureWarnings(True)


def readable(line: str) -> str:
    """One line of the log for a person; a line that is not JSON is left as it is."""
    try:
        entry = json.loads(line)
        text = f"{entry['time']} {entry['level']:7} {entry['message']}"
    except (ValueError, KeyError, TypeError):
        return line.rstrip("\n")
    return text + (f"\n{entry['traceback']}" if "traceback" in entry else "")
