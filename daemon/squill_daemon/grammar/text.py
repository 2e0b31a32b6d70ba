"""The text of a whole grammar."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from squill_daemon.grammar.changes import CHANGE_RULES
from squill_daemon.grammar.names import terminal_rules
from squill_daemon.grammar.rules import query_rules
from squill_daemon.grammar.spelling import spell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from squill.prompt.terminals import Terminals
    from squill_daemon.grammar.spelling import Spelling


def grammar_text(
    terminals: Terminals,
    spelling: Spelling,
    *,
    changes: bool = False,
    made: Iterable[str] = (),
) -> str:
    """A grammar for llguidance.

    ``changes``: INSERT, UPDATE and DELETE are statements too. ``made``: as in `terminal_rules`.
    """
    taken = frozenset(c.lower() for t in terminals.tables for c in (t.qualifier, *t.columns))
    rules = query_rules(
        terminals.dialect, exact=terminals.exact, taken=frozenset() if terminals.exact else taken
    )
    statement = "query | change" if changes else "query"
    if changes:
        rules += CHANGE_RULES
    start = f"start: {statement}"
    if not terminals.exact:
        ends = " | ".join(json.dumps(stop) for stop in terminals.stops)
        start = f"start: /[ \\t\\n]?/ ({statement}) /;?/" + (f" ({ends})?" if ends else "")
    return f"{start}\n{spell(rules, spelling)}{terminal_rules(terminals, spelling, made)}"
