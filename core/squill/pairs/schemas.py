"""The schemas that pairs are checked against: the workspace's, and those that pairs bring."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.ddl import SchemaBuilder, SchemaSource, parse_schema
from squill.dialects import resolve_dialect
from squill.encoding import decoded
from squill.pairs.files import Stamp, read_regular, stamp_of
from squill.schema_files import find_schema_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from squill.schema import Schema
    from squill.settings import Settings

_MOST_KNOWN = 20_000  # schemas of pairs' own

_OF_TABLES = re.compile(r"\b(?:CREATE|ALTER|DROP|RENAME|COMMENT|EXEC)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KnownSchema:
    """A schema with its digest, which takes a while to compute."""

    schema: Schema
    digest: str


@dataclass(frozen=True, slots=True)
class FileSchema:
    """What a file of examples is about.

    ``own`` holds its tables beside the workspace's, None where it defines none that the workspace
    lacks; ``definitions`` is the digest of those that it defines, empty where it defines none.
    ``is_guess``: nothing says the dialect, it was concluded from the tables.
    """

    dialect: str
    own: KnownSchema | None = None
    definitions: str = ""
    is_guess: bool = False


class Schemas:
    """The schemas of one workspace. Nothing is read or parsed twice. For one thread at a time."""

    def __init__(self, folder: Path, settings: Settings, *, trusted: bool) -> None:
        self._trusted = trusted
        self._folder = folder
        self._settings = settings
        self._texts: dict[Path, tuple[Stamp, str]] = {}
        self._builders: dict[str, SchemaBuilder] = {}
        self._sources: tuple[str, Sequence[SchemaSource]] | None = None
        self._workspace: dict[str, KnownSchema] = {}
        self._alone: dict[tuple[str, str], FileSchema] = {}
        self.generation = 0
        """Grows whenever the workspace's own tables or its dialect are others than before."""
        self.dialect = ""

    def refresh(self) -> None:
        """Look at the workspace's files again."""
        self._texts = self._read()
        everything = [SchemaSource(str(path), text) for path, (_, text) in self._texts.items()]
        dialect = self._builder("").build(everything, self._settings.dialect).schema.dialect
        defining = [source for source in everything if _OF_TABLES.search(source.text)]
        if self._sources != (dialect, defining):
            self._sources = (dialect, defining)
            self.dialect = dialect
            self._workspace = {}
            self._alone = {}
            self.generation += 1

    def _builder(self, dialect: str) -> SchemaBuilder:
        """One for each dialect: a builder keeps what its last build read."""
        key = "" if dialect == self.dialect else dialect
        return self._builders.setdefault(key, SchemaBuilder())

    def _read(self) -> dict[Path, tuple[Stamp, str]]:
        """As the language server and `squill ask`: what cannot be read defines nothing."""
        found: dict[Path, tuple[Stamp, str]] = {}
        limits = self._settings.workspace
        for path in sorted(find_schema_files(self._folder, limits, trusted=self._trusted)):
            try:
                known = self._texts.get(path)
                if known is None or known[0] != stamp_of(path.stat()):
                    data, stamp = read_regular(path, limits.max_file_bytes)
                    known = stamp, decoded(data)
                found[path] = known
            except (OSError, UnicodeDecodeError):
                continue
        return found

    def workspace(self, dialect: str) -> KnownSchema:
        """The workspace's tables, read in ``dialect``."""
        if dialect not in self._workspace:
            built = self._builder(dialect).build(self._defining, dialect).schema
            self._workspace[dialect] = KnownSchema(built, built.digest)
        return self._workspace[dialect]

    def of_file(self, name: str, text: str) -> FileSchema:
        """What the text of an example file says of its dialect and tables.

        Its header decides, or the tables that it defines; else the workspace's dialect holds.
        """
        dialect, origin = resolve_dialect(self._settings.dialect, text)
        if origin == "default":
            dialect = self.dialect
        defined = parse_schema(text, dialect).schema if _OF_TABLES.search(text) else None
        if defined is None or not defined.tables:
            return FileSchema(self.dialect if origin == "guess" else dialect)
        workspace = self.workspace(dialect).schema
        if all(workspace.table(table.qualified_name) == table for table in defined.tables):
            return FileSchema(dialect, None, defined.digest, is_guess=origin == "guess")
        sources = [s for s in self._defining if s.name != name] + [SchemaSource(name, text)]
        schema = self._builder(dialect).build(sources, dialect).schema
        own = KnownSchema(schema, schema.digest)
        return FileSchema(dialect, own, defined.digest, is_guess=origin == "guess")

    def of_line(self, ddl: str, dialect: str) -> FileSchema:
        """The tables of ``ddl`` alone, the workspace's where it is empty.

        ``dialect`` is the line's own, empty where it is to be found out.
        """
        if not ddl:
            return FileSchema(dialect or self.dialect)
        if (ddl, dialect) not in self._alone:
            if len(self._alone) >= _MOST_KNOWN:
                self._alone.clear()
            named, origin = resolve_dialect(dialect or self._settings.dialect, ddl)
            schema = parse_schema(ddl, self.dialect if origin == "default" else named).schema
            own = KnownSchema(schema, schema.digest)
            is_guess = origin == "guess"
            self._alone[ddl, dialect] = FileSchema(schema.dialect, own, own.digest, is_guess)
        return self._alone[ddl, dialect]

    @property
    def _defining(self) -> Sequence[SchemaSource]:
        return self._sources[1] if self._sources else ()
