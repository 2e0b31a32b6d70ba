"""Globs as editors and settings write them: ``**``, ``*``, ``?``, ``{a,b}``, ``[a-z]``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\{[^{}]*\}|\[[^\]/]+\]|.", re.DOTALL)
_MEANING = {"**/": r"(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def compile_globs(globs: Iterable[str]) -> re.Pattern[str]:
    """A pattern to `fullmatch` paths, relative to the workspace folder and with slashes."""
    return re.compile("|".join(f"(?:{_expression(glob)})" for glob in globs) or r"(?!)", re.DOTALL)


def stays_inside(glob: str) -> bool:
    """Whether all that the glob can match lies below the folder that it is relative to."""
    return ".." not in glob and not re.search(r"(?:^|[{,])(?:[/~\\]|\w:)", glob)


def _expression(glob: str) -> str:
    return "".join(_translated(token) for token in _TOKEN.findall(glob))


def _translated(token: str) -> str:
    if token in _MEANING:
        return _MEANING[token]
    if len(token) > 1 and token[0] == "{":
        return "(?:" + "|".join(map(_expression, token[1:-1].split(","))) + ")"
    if len(token) > 1 and token[0] == "[":
        negated = token[1] in "!^"
        inside = re.escape(token[2 if negated else 1 : -1]).replace(r"\-", "-")
        return f"[{'^' if negated else ''}{inside}]"
    return re.escape(token)
