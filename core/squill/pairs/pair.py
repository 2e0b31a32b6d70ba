"""One example pair, and what is known of those that are not learned from."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from squill.schema import Schema

ACCEPTED = "accepted"
"""The origin of a pair that was kept from an editor, or added or imported by a command."""


@dataclass(frozen=True)
class Pair:
    """A question and the one statement that answers it, in ``dialect``.

    ``schema`` is the pair's own, None where the workspace's is meant (`Pairs.schema_of`).
    ``definitions`` is the digest of the tables that came with the pair, empty where none did;
    those that an example file finds in the workspace do not count, so that a change there leaves
    the pair what it was. ``ddl`` is their text, where the pair is a JSON line. ``origin`` is
    ``path:line`` or `ACCEPTED`; ``kept`` is when it was kept, in UTC, None where nothing says so.
    ``edited``: a suggestion that the user corrected.
    """

    question: str
    sql: str
    dialect: str
    origin: str
    schema: Schema | None = None
    kept: datetime | None = None
    definitions: str = ""
    ddl: str = ""
    edited: bool = False

    @cached_property
    def digest(self) -> str:
        """SHA-256 of question, SQL and own tables, hexadecimal: it outlives a change of place."""
        content = "\0".join((normal_question(self.question), self.sql, self.definitions))
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SetAside:
    """What is not learned from. ``pair`` is None where there is not even a question with SQL."""

    origin: str
    reason: str
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class Overruled:
    """``pair`` gives way to ``used``: it says the same, or else is older and contradicts it."""

    pair: Pair
    used: Pair


@dataclass(frozen=True, slots=True)
class Pairs:
    """All that was found, each pair in exactly one place.

    ``forgotten`` are pairs in example files that the user had Squill forget.
    ``workspace`` is the workspace's schema in each dialect that a pair is in.
    """

    usable: tuple[Pair, ...]
    set_aside: tuple[SetAside, ...]
    conflicts: tuple[Overruled, ...]
    duplicates: tuple[Overruled, ...]
    forgotten: tuple[Pair, ...]
    workspace: Mapping[str, Schema]

    def schema_of(self, pair: Pair) -> Schema:
        """The tables that the question of a usable pair is asked about."""
        return self.workspace[pair.dialect] if pair.schema is None else pair.schema


def normal_question(question: str) -> str:
    """One spelling for questions that differ in white space, letter case or their last mark."""
    text = unicodedata.normalize("NFC", question).casefold()
    return " ".join(text.split()).rstrip(" .:;!?\uff1f\u3002")
