"""Pairs as plain maps, for the command line's JSON and for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from squill.pairs.pair import Overruled, Pair, Pairs, SetAside


def to_wire(pairs: Pairs) -> dict[str, Any]:
    """All that was found, used or not, with the reasons."""
    return {
        "pairs": [_pair(pair) for pair in pairs.usable],
        "set_aside": [_aside(aside) for aside in pairs.set_aside],
        "conflicts": [_overruled(each) for each in pairs.conflicts],
        "duplicates": [_overruled(each) for each in pairs.duplicates],
        "forgotten": [_pair(pair) for pair in pairs.forgotten],
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "digest": pair.digest,
        "question": pair.question,
        "sql": pair.sql,
        "dialect": pair.dialect,
        "origin": pair.origin,
        "kept": pair.kept.isoformat() if pair.kept else None,
        "edited": pair.edited,
        "own_tables": [table.qualified_name for table in pair.schema.tables]
        if pair.schema
        else None,
    }


def _aside(aside: SetAside) -> dict[str, Any]:
    said = {
        "digest": aside.pair.digest if aside.pair else None,
        "question": aside.pair.question if aside.pair else None,
        "sql": aside.pair.sql if aside.pair else None,
    }
    return {"origin": aside.origin, "reason": aside.reason} | said


def _overruled(overruled: Overruled) -> dict[str, Any]:
    return _pair(overruled.pair) | {"used": overruled.used.digest}
