"""Pairs on their way out of a workspace and into another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.pairs.definitions import definitions
from squill.pairs.lines import to_line

if TYPE_CHECKING:
    from datetime import datetime

    from squill.pairs.pair import Pair
    from squill.schema import Schema


def pair_line(
    pair: Pair, *, workspace: Schema | None = None, kept: datetime | None = None
) -> bytes:
    """The pair as a JSON line, with the tables that are its own.

    ``workspace`` is written into a pair that has none of its own; ``kept`` stands where the pair
    has no time.
    """
    schema = workspace if pair.schema is None else pair.schema
    ddl = pair.ddl or (definitions(schema) if schema else "")
    return to_line(
        pair.question,
        pair.sql,
        dialect=pair.dialect,
        ddl=ddl,
        kept=pair.kept or kept,
        edited=pair.edited,
    )
