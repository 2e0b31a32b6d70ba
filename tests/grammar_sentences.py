"""Sentences of the grammar's rules, at random, in the rules' own notation (canonical SQL)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from squill_daemon.grammar.changes import CHANGE_RULES
from squill_daemon.grammar.rules import query_rules

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

_SYMBOL = re.compile(r'"[^"]*"|\w+|[()|?*]')
_FAR = 1000

Node = tuple[str, "list[Node] | str"]
"""A kind (text, rule, choice, sequence, maybe, many) with its parts."""


@dataclass
class Sentences:
    """``examples``: what stands for the terminals, which the rules do not define."""

    dialect: str
    examples: Mapping[str, Sequence[str]]
    exact: bool = False

    @cached_property
    def rules(self) -> dict[str, Node]:
        text = query_rules(self.dialect, exact=self.exact)
        text += "" if self.exact else CHANGE_RULES
        joined = re.sub(r"\n\s+\|", " |", text)
        pairs = (line.partition(":") for line in joined.splitlines() if line.strip())
        return {name: _parse(_SYMBOL.findall(rhs)) for name, _, rhs in pairs}

    @cached_property
    def depths(self) -> dict[str, int]:
        """How deep the shallowest derivation of each rule is."""
        found = dict.fromkeys(self.rules, _FAR)
        for _ in self.rules:
            found = {name: 1 + self._depth(node, found) for name, node in self.rules.items()}
        return found

    def _depth(self, node: Node, depths: Mapping[str, int]) -> int:
        kind, parts = node
        if kind == "rule":
            return 0 if parts in self.examples else min(depths[str(parts)], _FAR)
        if kind in ("text", "maybe", "many"):
            return 0
        inner = [self._depth(part, depths) for part in parts if isinstance(part, tuple)]
        return (min if kind == "choice" else max)(inner, default=0)

    def sentence(self, rule: str, chance: random.Random, room: int = 12) -> str:
        """``room``: how deep a derivation may go before it takes the shortest way to an end."""
        if rule in self.examples:
            return chance.choice(self.examples[rule])
        return self._derive(self.rules[rule], chance, room - 1)

    def _derive(self, node: Node, chance: random.Random, room: int) -> str:
        kind, parts = node
        if isinstance(parts, str):
            return parts if kind == "text" else self.sentence(parts, chance, room)
        if kind == "choice":
            return self._derive(self._choose(parts, chance, room), chance, room)
        if kind == "sequence":
            return "".join(self._derive(part, chance, room) for part in parts)
        often = 0 if room < 0 else int(chance.random() < 0.3) * (1 if kind == "maybe" else 2)
        return "".join(self._derive(parts[0], chance, room) for _ in range(often))

    def _choose(self, parts: Sequence[Node], chance: random.Random, room: int) -> Node:
        depths = [self._depth(part, self.depths) for part in parts]
        fitting = [p for p, depth in zip(parts, depths, strict=True) if depth <= max(room, 0)]
        shortest = [p for p, depth in zip(parts, depths, strict=True) if depth == min(depths)]
        return chance.choice(fitting or shortest)


def _parse(symbols: list[str]) -> Node:
    """Takes what it reads from the front of ``symbols``."""
    alternatives: list[Node] = []
    sequence: list[Node] = []
    while symbols and symbols[0] != ")":
        symbol = symbols.pop(0)
        if symbol == "|":
            alternatives.append(("sequence", sequence))
            sequence = []
        elif symbol == "(":
            sequence.append(_parse(symbols))
            symbols.pop(0)
        elif symbol in "?*":
            sequence[-1] = ("maybe" if symbol == "?" else "many", [sequence[-1]])
        elif symbol.startswith('"'):
            sequence.append(("text", symbol[1:-1]))
        else:
            sequence.append(("rule", symbol))
    return ("choice", [*alternatives, ("sequence", sequence)])
