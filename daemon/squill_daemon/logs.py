"""The daemon's log: one JSON object a line, in a file of limited size.

Nothing that a user wrote goes into it: no question, no schema, no query.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from squill.errors import DaemonError
from squill_daemon.log_file import LogFile

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

OLD_FILES = 3

_ALWAYS = frozenset(("time", "level", "logger", "message", "pid"))
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
    """Send Squill's log to ``path``; at ``max_bytes`` it becomes ``path.1``.

    Raises:
        DaemonError: its folder cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DaemonError(
            f"The log's folder {path.parent} cannot be made ({error.strerror}). "
            "Correct that, or set SQUILL_STATE_DIR to a folder of your own."
        ) from error
    handler = LogFile(path, maxBytes=max_bytes, backupCount=OLD_FILES, encoding="utf-8", delay=True)
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
        traceback = f"\n{entry.pop('traceback')}" if "traceback" in entry else ""
        details = "".join(f" {k}={v}" for k, v in entry.items() if k not in _ALWAYS)
    except (ValueError, KeyError, TypeError):
        return line.rstrip("\n")
    return text + details + traceback


def last_lines(path: Path, count: int | None = None) -> list[str]:
    """The last ``count`` lines of the log, rotated files included; all of them for None.

    Raises:
        OSError: it cannot be read. That there is none is no error.
    """
    with contextlib.closing(_stream(path)) as stream:
        return list(_present(stream, count))


def follow(path: Path, count: int, wait: Callable[[], None]) -> Iterator[str]:
    """The last ``count`` lines, then each line as it comes, for ever.

    ``wait`` is called whenever there is nothing to read. A log that does not exist yet is waited
    for; one that is rotated is read to its end, and its successors after it.

    Raises:
        OSError: it cannot be read.
    """
    with contextlib.closing(_stream(path)) as stream:
        yield from _present(stream, count)
        for line in stream:
            if line is None:
                wait()
            else:
                yield line


def _present(stream: Iterator[str | None], count: int | None) -> deque[str]:
    """The last of the lines that are there now."""
    lines = itertools.takewhile(lambda line: line is not None, stream)
    return deque((line for line in lines if line is not None), maxlen=count)


def _stream(path: Path) -> Generator[str | None, None, None]:
    """All lines, the oldest first; None each time that there is no more for now."""
    file: BinaryIO | None = None
    try:
        while True:
            if file is not None:
                yield from _complete_lines(file)
            successor = _successor(path, file)
            if successor is None:
                yield None
                continue
            if file is not None:
                yield from _complete_lines(file)  # what came before it was rotated
                file.close()
            file = successor
    finally:
        if file is not None:
            file.close()


def _complete_lines(file: BinaryIO) -> Iterator[str]:
    """The lines from here on; one that is still being written is left for the next time."""
    if os.fstat(file.fileno()).st_size < file.tell():
        file.seek(0)  # it was emptied
    while (line := file.readline()).endswith(b"\n"):
        yield line.decode("utf-8", "replace")
    file.seek(-len(line), os.SEEK_CUR)


def _successor(path: Path, file: BinaryIO | None) -> BinaryIO | None:
    """The log file that was begun after ``file``, opened; the oldest where that one is gone."""
    own = _identity(os.fstat(file.fileno())) if file is not None else None
    later: list[tuple[Path, tuple[int, int]]] = []
    # The newest first: a rotation in between shows a file twice, and hides none.
    for name in (path, *(path.with_name(f"{path.name}.{n + 1}") for n in range(OLD_FILES))):
        with contextlib.suppress(FileNotFoundError):
            identity = _identity(name.stat())
            if identity == own:
                break
            later.append((name, identity))
    return _open_as(*later[-1]) if later else None


def _open_as(path: Path, identity: tuple[int, int]) -> BinaryIO | None:
    """The file, or None where a rotation has put another in its place."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    if _identity(os.fstat(file.fileno())) == identity:
        return file
    file.close()
    return None


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
