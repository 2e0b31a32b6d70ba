"""How `squill pairs` tells of pairs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from squill.pairs.listing import to_wire
from squill.terminal_text import visible, visible_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.pairs.pair import Pair, Pairs

_DIGEST_DIGITS = 12
_WIDEST_ORIGIN = 40


def short(pair: Pair) -> str:
    """The start of the pair's digest, enough to name it."""
    return pair.digest[:_DIGEST_DIGITS]


def usable_lines(pairs: Pairs) -> Iterator[str]:
    yield from _table([(short(p), p.origin, p.question) for p in pairs.usable])


def unused_lines(pairs: Pairs) -> Iterator[str]:
    """What is not learned from, with the reason."""
    rows = [
        (short(aside.pair) if aside.pair else "-", aside.origin, aside.reason)
        for aside in pairs.set_aside
    ]
    rows += [
        (
            short(conflict.pair),
            conflict.pair.origin,
            f"A newer pair answers the same question otherwise: {short(conflict.used)} "
            f"({conflict.used.origin}).",
        )
        for conflict in pairs.conflicts
    ]
    yield from _table(rows)


def _table(rows: list[tuple[str, str, str]]) -> Iterator[str]:
    width = min(max((len(origin) for _, origin, _ in rows), default=0), _WIDEST_ORIGIN)
    for digest, origin, text in rows:
        yield f"{digest:{_DIGEST_DIGITS}}  {visible_line(origin):{width}}  {visible_line(text)}"


def counts(pairs: Pairs) -> str:
    """What there is, in one line."""
    unused = {
        "set aside": len(pairs.set_aside),
        "contradicted by a newer one": len(pairs.conflicts),
        "said twice": len(pairs.duplicates),
        "forgotten": len(pairs.forgotten),
    }
    used = f"{len(pairs.usable)} {'pair' if len(pairs.usable) == 1 else 'pairs'}"
    line = "; ".join([used, *(f"{count} {what}" for what, count in unused.items() if count)])
    if pairs.set_aside or pairs.conflicts:
        line += " (`squill pairs list --set-aside` says why)"
    return line


def as_json(pairs: Pairs) -> str:
    return json.dumps(to_wire(pairs), ensure_ascii=False)


def details(pair: Pair, pairs: Pairs) -> str:
    """All about one pair, whether it is used or not."""
    rows = [
        ("digest", pair.digest),
        ("question", pair.question),
        ("from", pair.origin),
        ("kept", pair.kept.isoformat(timespec="seconds") if pair.kept else ""),
        ("dialect", pair.dialect),
        ("tables", _tables(pair)),
        *_standing(pair, pairs),
    ]
    told = [f"{name:9} {visible_line(value)}" for name, value in rows if value]
    return "\n".join([*told, "", *visible(pair.sql + ";").splitlines()])


def _tables(pair: Pair) -> str:
    if pair.schema is None:
        return "the workspace's"
    return ", ".join(table.qualified_name for table in pair.schema.tables)


def _standing(pair: Pair, pairs: Pairs) -> Iterator[tuple[str, str]]:
    """Why it is not used, and what it is used instead of."""
    for aside in pairs.set_aside:
        if aside.pair is not None and aside.pair.digest == pair.digest:
            yield "set aside", f"{aside.reason} ({aside.origin})"
    for name, overruled in (("again", pairs.duplicates), ("replaces", pairs.conflicts)):
        for each in overruled:
            if each.used.digest == pair.digest:
                yield name, f"{short(each.pair)} ({each.pair.origin}) {each.pair.sql}"
            elif each.pair.digest == pair.digest:
                word = "same as" if name == "again" else "not used"
                yield word, f"{short(each.used)} ({each.used.origin}) {each.used.sql}"
