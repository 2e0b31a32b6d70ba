"""Which pairs of a workspace are the user's own: a record in the user's data folder.

A repository can bring pairs, but no record of them. The record holds SHA-256 digests, one a line:
of a pair's JSON line as it was written to ``accepted.jsonl``, or of a pair (`Pair.digest`) that an
explicit ``squill train --once`` took as the user's.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from squill.pairs.files import append
from squill.private import make_private_directory
from squill.trust import trust_directory

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def line_digest(line: bytes) -> str:
    return hashlib.sha256(line.strip()).hexdigest()


def record_own(workspace: Path, digests: Iterable[str]) -> None:
    """
    Raises:
        SquillError: the record can't be written.
    """
    if lines := b"".join(f"{digest}\n".encode() for digest in digests):
        path = _record(workspace)
        make_private_directory(path.parent.parent, "SQUILL_DATA_DIR")
        append(path, lines)


def own_digests(workspace: Path) -> frozenset[str]:
    """Empty where there is no record, or it can't be read."""
    try:
        content = _record(workspace).read_bytes()
    except OSError:
        return frozenset()
    return frozenset(content.decode("ascii", "replace").split())


def _record(workspace: Path) -> Path:
    name = hashlib.sha256(os.fsencode(os.path.realpath(workspace))).hexdigest()[:32]
    return trust_directory() / "pairs" / f"{name}.txt"
