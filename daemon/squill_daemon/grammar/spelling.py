"""How an answer spells SQL: as a tokenizer's own tokens, or as characters with free spacing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llguidance import LLTokenizer

_CANONICAL = re.compile(r'"([^"]*)"')
_WORD = re.compile(r"\w+|[^\w\s]+")

# Bounded: a model that writes blanks for ever is no use.
_SPACE = r"([ \t]{1,16}|[ \t]?\r?\n[ \t]{0,16})"


class Spelling(Protocol):
    """Turns texts into fragments of an llguidance grammar."""

    def keyword(self, canonical: str) -> str:
        """A fragment for SQL as sqlglot's generator writes it."""

    def one_of(self, texts: Iterable[str]) -> str:
        """A fragment for one of several texts, each exactly as it stands."""


def spell(rules: str, spelling: Spelling) -> str:
    """``rules`` with each quoted text spelled out."""
    known: dict[str, str] = {}

    def fragment(match: re.Match[str]) -> str:
        if match[1] not in known:
            known[match[1]] = spelling.keyword(match[1])
        return known[match[1]]

    return _CANONICAL.sub(fragment, rules)


class TokenSpelling:
    """Texts that are single tokens of the model are those tokens, never spelled otherwise."""

    def __init__(self, tokenizer: LLTokenizer, encode: Callable[[str], list[int]]) -> None:
        self._tokenizer = tokenizer
        self._encode = encode

    def keyword(self, canonical: str) -> str:
        fragments = []
        text = ""
        for token in self._encode(canonical):
            if self._tokenizer.is_special_token(token):
                fragments += [json.dumps(text)] if text else []
                fragments.append(f"<[{token}]>")
                text = ""
            else:
                text += self._tokenizer.decode_str([token])
        return " ".join([*fragments, *([json.dumps(text)] if text else [])])

    def one_of(self, texts: Iterable[str]) -> str:
        ids = []
        spelled = []
        for text in texts:
            tokens = self._encode(text)
            if len(tokens) == 1 and self._tokenizer.is_special_token(tokens[0]):
                ids += tokens
            else:
                spelled.append(self.keyword(text))
        ranges = [f"<[{_ranges(ids)}]>"] if ids else []
        return " | ".join([*ranges, *spelled])


def _ranges(ids: list[int]) -> str:
    ids = sorted(ids)
    starts = [i for i in ids if i - 1 not in set(ids)]
    ends = [i for i in ids if i + 1 not in set(ids)]
    return ",".join(f"{a}-{b}" if a != b else f"{a}" for a, b in zip(starts, ends, strict=True))


class FreeSpelling:
    """Keywords in any case; white space wherever SQL lets it stand."""

    def keyword(self, canonical: str) -> str:
        return " ".join(self._lexeme(piece) for piece in _pieces(canonical))

    def _lexeme(self, text: str) -> str:
        words = list(_WORD.finditer(text))
        if not words:
            return f"/{_SPACE}/"
        parts = [_gap(words[0].start() > 0, "", words[0].group())]
        for word, after in zip(words, [*words[1:], None], strict=True):
            end = after.start() if after else len(text)
            right = after.group() if after else ""
            parts += [any_case(word.group()), _gap(end > word.end(), word.group(), right)]
        return f"/{''.join(parts)}/"

    def one_of(self, texts: Iterable[str]) -> str:
        return " | ".join(json.dumps(text) for text in texts)


def _pieces(canonical: str) -> list[str]:
    """Lexemes. One that goes on where another one ends would hide the other from a greedy lexer:
    ``COUNT(DISTINCT `` would hide ``COUNT(``, so that no column could begin with a D.
    """
    if canonical.startswith(" "):
        return [canonical]
    return re.findall(r"\w+(?:\(\)|\(\*\)|\()?\s?|[^\w\s]+\s?|\s", canonical)


def _gap(spaced: bool, left: str, right: str) -> str:
    """White space between two words of a keyword; "" stands for whatever is beside it."""
    if spaced and _is_word(left) and _is_word(right):
        return _SPACE
    optional = spaced or left.endswith("(") or right.startswith(")")
    return f"{_SPACE}?" if optional else ""


def _is_word(text: str) -> bool:
    return text == "" or text[0].isalnum() or text[0] == "_"


def any_case(word: str) -> str:
    """A regular expression; ``(?i)`` would let the Kelvin sign pass for a K."""
    return "".join(
        f"[{c.lower()}{c.upper()}]" if c.isascii() and c.isalpha() else re.escape(c) for c in word
    ).replace("/", r"\/")
