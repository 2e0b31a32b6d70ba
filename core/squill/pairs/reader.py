"""From a file's content to checked pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.binding import bind
from squill.changes import NOT_ASKED_FOR, asks_for_change, changes_database
from squill.encoding import decoded, undecodable
from squill.pairs.comments import asked_statements
from squill.pairs.lines import Broken, Entry, read_lines
from squill.pairs.pair import Pair, SetAside
from squill.statements import split_statements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    from squill.pairs.schemas import FileSchema, KnownSchema, Schemas

SQL_SUFFIXES = (".sql", ".ddl")

_GUESSED = " (The dialect {} is a guess: name it in a `-- dialect:` line, or as `dialect`.)"
_MOST_VERDICTS = 200_000


@dataclass(frozen=True, slots=True)
class Found:
    """A pair that binds. ``schema`` is what it was checked against, ``line`` its JSON line."""

    pair: Pair
    schema: KnownSchema
    line: bytes = b""


@dataclass(frozen=True, slots=True)
class Content:
    """What one file holds. ``lines`` are the JSON lines of those set aside, empty without one."""

    found: tuple[Found, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    lines: tuple[bytes, ...] = ()

    def pairs(self) -> Iterator[tuple[Pair, bytes]]:
        """Every pair, used or not, with its JSON line."""
        yield from ((found.pair, found.line) for found in self.found)
        for item, line in zip(self.set_aside, self.lines, strict=True):
            if item.pair is not None:
                yield item.pair, line


class Reader:
    """Reads for one workspace; keeps what statements came to. For one thread at a time."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._verdicts: dict[tuple[str, str], tuple[str, bool]] = {}

    def read(self, path: PurePath, data: bytes, *, shown: str, origin: str = "") -> Content:
        """The pairs of a file, by its suffix: SQL, or JSON lines.

        ``shown`` is the path as it appears in origins; ``origin`` replaces those of usable pairs.
        """
        found: list[Found] = []
        aside: list[tuple[SetAside, bytes]] = []
        for entry, file in self._entries(path, data):
            place = f"{shown}:{entry.line}"
            if isinstance(entry, Broken):
                aside.append((SetAside(place, entry.reason), b""))
                continue
            checked = self.check(entry, place, origin=origin, file=file)
            if isinstance(checked, Found):
                found.append(checked)
            else:
                aside.append((checked, entry.raw))
        return Content(tuple(found), tuple(a for a, _ in aside), tuple(raw for _, raw in aside))

    def _entries(
        self, path: PurePath, data: bytes
    ) -> Iterator[tuple[Entry | Broken, FileSchema | None]]:
        if path.suffix.lower() not in SQL_SUFFIXES:
            yield from ((entry, None) for entry in read_lines(data))
            return
        try:
            text = decoded(data)
        except UnicodeDecodeError as error:
            yield Broken(1, undecodable(path.name, data, error)), None
            return
        file = self._schemas.of_file(str(path), text)
        for asked in asked_statements(text, file.dialect):
            yield Entry(asked.line, asked.question, asked.sql), file

    def check(
        self, entry: Entry, place: str, *, origin: str = "", file: FileSchema | None = None
    ) -> Found | SetAside:
        """Whether the pair binds. ``origin`` is the pair's, where it is not ``place``."""
        if file is None:
            file = self._schemas.of_line(entry.ddl, entry.dialect)
        schema = file.own or self._schemas.workspace(file.dialect)
        pair = Pair(
            question=entry.question,
            sql=_bare(entry.sql, file.dialect),
            dialect=file.dialect,
            origin=origin or place,
            schema=file.own.schema if file.own else None,
            kept=entry.kept,
            definitions=file.definitions,
            ddl=entry.ddl,
            edited=entry.edited,
        )
        if entry.ddl and not schema.schema.tables:
            reason = "Its `schema` defines no table. Write CREATE TABLE statements there."
            return SetAside(place, reason, pair)
        if problems := self._problems(pair, schema):
            hint = _GUESSED.format(file.dialect) if file.is_guess else ""
            return SetAside(place, problems + hint, pair)
        return Found(pair, schema, entry.raw)

    def _problems(self, pair: Pair, schema: KnownSchema) -> str:
        """Why the pair cannot be used, in sentences; empty where it can."""
        problems, is_change = self._verdict(pair.sql, schema)
        if not problems and is_change and not asks_for_change(pair.question):
            return NOT_ASKED_FOR
        return problems

    def _verdict(self, sql: str, schema: KnownSchema) -> tuple[str, bool]:
        """What is wrong with the statement, and whether it changes the database."""
        key = (schema.digest, sql)
        if key not in self._verdicts:
            if len(self._verdicts) >= _MOST_VERDICTS:
                self._verdicts.clear()
            bound = bind(sql, schema.schema)
            self._verdicts[key] = " ".join(bound.problems), changes_database(bound.tree)
        return self._verdicts[key]


def _bare(sql: str, dialect: str) -> str:
    """The statement without its semicolon and the comments around it, where it is one only."""
    statements = split_statements(sql, dialect)
    return statements[0].text if len(statements) == 1 else sql
