"""``%ask … ?``: IPython would take a question mark at a line's end for its own help."""

from __future__ import annotations

import re

_ASK = re.compile(r"\A(\s*)%ask[ \t]+(.*\?)\s*\Z", re.DOTALL)


def as_calls(lines: list[str]) -> list[str]:
    """The lines of a cell, those that ask with a question mark as plain calls of the magic."""
    return [_as_call(line) for line in lines]


def _as_call(line: str) -> str:
    found = _ASK.match(line)
    if found is None:
        return line
    return f"{found[1]}get_ipython().run_line_magic('ask', {found[2]!r})\n"
