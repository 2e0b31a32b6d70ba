"""Control tokens are data where a user's text spells them.

A tokenizer turns ``<|im_end|>`` into the token that ends a turn wherever it stands, in a question
or a column's name as well. A space within it leaves it readable, and text.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MARKUP = re.compile(r"[<\[|].+[>\]|]")
_MOST_ROUNDS = 8


class ControlTokens:
    """The texts that mean more than they say to one model."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.texts = frozenset(text for text in texts if text.strip())

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        longest_first = sorted(self.texts, key=lambda text: (-len(text), text))
        return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def as_data(self, text: str) -> str:
        """``text`` with each control token taken apart; itself where it spells none.

        A token that only the tokenizer's normalization would make of it is taken apart as well
        (by NFKC, a full-width sign is an ordinary one).
        """
        if self._pattern is None:
            return text
        if not self._pattern.search(text):
            plain = unicodedata.normalize("NFKC", text)
            if not self._pattern.search(plain):
                return text
            text = plain
        for _ in range(_MOST_ROUNDS):
            text = self._pattern.sub(lambda m: f"{m[0][:1]} {m[0][1:]}", text)
            if not self._pattern.search(text):
                return text
        while self._pattern.search(text):  # a token that no space takes apart, such as ","
            text = self._pattern.sub("", text)
        return text


NO_CONTROL = ControlTokens()


def control_tokens(folder: Path) -> ControlTokens:
    """Those of the tokenizer in a model's folder; a file that cannot be read names none.

    Of the tokens that are not called special, those count that look like markup: an ordinary word
    or a run of spaces may be a token of its own as well.
    """
    config = _json(folder / "tokenizer_config.json")
    texts = {
        *_added(_json(folder / "tokenizer.json").get("added_tokens")),
        *_added(config.get("added_tokens_decoder")),
        *(text for text in _json(folder / "added_tokens.json") if _MARKUP.search(text)),
        *_named(config),
        *_named(_json(folder / "special_tokens_map.json")),
    }
    return ControlTokens(texts)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # whoever loads the tokenizer says what is wrong with it
    return found if isinstance(found, dict) else {}


def _added(tokens: object) -> Iterator[str]:
    """From a list of tokens, or from a map of them by id."""
    entries = tokens.values() if isinstance(tokens, dict) else tokens
    for entry in entries if isinstance(entries, Iterable) else ():
        match entry:
            case {"content": str(text), "special": True}:
                yield text
            case {"content": str(text)} if _MARKUP.search(text):
                yield text


def _named(config: dict[str, Any]) -> Iterator[str]:
    """The tokens that have a part of their own: ``eos_token``, say."""
    for key, value in config.items():
        if key.endswith(("_token", "_special_tokens")):
            yield from _texts(value)


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case {"content": str(text)}:
            yield text
        case list():
            for item in value:
                yield from _texts(item)
        case dict():
            for item in value.values():
                yield from _texts(item)
