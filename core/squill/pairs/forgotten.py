"""``.squill/forgotten.jsonl``: pairs in the user's own files that are not to be learned from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from squill.pairs.files import FORGOTTEN_FILE, append, read_regular
from squill.pairs.lines import json_line, to_time
from squill.pairs.pair import SetAside

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from squill.pairs.pair import Pair


class Forgotten:
    """Digests with the time since when they are forgotten. ``set_aside``: lines that say none."""

    def __init__(self, times: dict[str, datetime], set_aside: tuple[SetAside, ...] = ()) -> None:
        self._times = times
        self.set_aside = set_aside

    def hides(self, pair: Pair) -> bool:
        """Whether ``pair`` was forgotten, and not kept again since then."""
        since = self._times.get(pair.digest)
        return since is not None and (pair.kept is None or pair.kept <= since)


def read_forgotten(workspace: Path) -> Forgotten:
    times: dict[str, datetime] = {}
    aside = []
    try:
        data, _ = read_regular(workspace / FORGOTTEN_FILE)
    except FileNotFoundError:
        return Forgotten({})
    except OSError as error:
        reason = f"It cannot be read ({error.strerror}); what it hides is used again. Correct that."
        return Forgotten({}, (SetAside(FORGOTTEN_FILE, reason),))
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            if line.strip():
                said = json.loads(line)
                times[str(said["digest"])] = to_time(said["forgotten"])
        except (ValueError, KeyError, TypeError, RecursionError):
            reason = "This line names no forgotten pair. Remove it, or forget the pair again."
            aside.append(SetAside(f"{FORGOTTEN_FILE}:{number}", reason))
    return Forgotten(times, tuple(aside))


def write_forgotten(workspace: Path, pairs: Iterable[Pair]) -> None:
    """Hide ``pairs`` from now on.

    Raises:
        SquillError: it cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    lines = [
        json_line({"digest": pair.digest, "question": pair.question, "forgotten": now})
        for pair in pairs
    ]
    append(workspace / FORGOTTEN_FILE, b"".join(lines))
