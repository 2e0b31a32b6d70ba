"""The schema model: immutable tables, columns and keys, and their form on the wire.

Built from DDL by `squill.ddl`. Names are kept as the user spelled them, without quotes.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgpack

from squill.errors import InvalidParamsError

if TYPE_CHECKING:
    from collections.abc import Mapping

TableKind = Literal["table", "view", "temporary"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``type`` is the user's own text, empty where none was written.

    ``quoted``: the definition writes the name in quotes (`squill.quoting` says when that matters).
    ``values``: those that an ENUM type or a CHECK allows, as they are stored; empty where any.
    """

    name: str
    type: str = ""
    comment: str = ""
    primary_key: bool = False
    quoted: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """``columns`` of the owning table refer to ``referenced_columns`` of ``table``.

    ``table`` is the referenced table's name, with its namespace where one was written.
    ``referenced_columns`` is empty where the DDL names only the table (its primary key is meant).
    """

    columns: tuple[str, ...]
    table: str
    referenced_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One table or view. ``namespace`` is the schema (or ``catalog.schema``) it was written in."""

    name: str
    columns: tuple[Column, ...] = ()
    namespace: str = ""
    kind: TableKind = "table"
    comment: str = ""
    foreign_keys: tuple[ForeignKey, ...] = ()
    quoted: bool = False

    @property
    def qualified_name(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name

    def column(self, name: str) -> Column | None:
        """The column of that name, compared without case, or None."""
        folded = name.casefold()
        return next((c for c in self.columns if c.name.casefold() == folded), None)


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables that a question is asked about, in the order of their definition."""

    tables: tuple[Table, ...] = ()
    dialect: str = "sqlite"

    def table(self, name: str) -> Table | None:
        """The table of that name (qualified or bare), compared without case, or None."""
        folded = name.casefold()
        for table in self.tables:
            if folded in (table.qualified_name.casefold(), table.name.casefold()):
                return table
        return None

    @property
    def digest(self) -> str:
        """SHA-256 of the content, hexadecimal: equal schemas have equal digests."""
        packed: bytes = msgpack.packb(to_wire(self))
        return hashlib.sha256(packed).hexdigest()


def to_wire(schema: Schema) -> dict[str, Any]:
    """The schema as MessagePack-able maps and lists."""
    return asdict(schema)


def from_wire(data: Mapping[str, Any]) -> Schema:
    """The inverse of `to_wire`.

    Raises:
        InvalidParamsError: a field is missing or of the wrong type.
    """
    try:
        return Schema(
            tables=tuple(_table(t) for t in data["tables"]),
            dialect=_text(data.get("dialect", "sqlite")),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidParamsError(
            f"The schema is not of the form that squill.schema.to_wire gives: {error!r}. "
            "Send DDL text instead, or correct the field."
        ) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return value


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        raise TypeError(f"expected a list of texts, got {values!r}")
    return tuple(_text(v) for v in values)


def _table(data: Mapping[str, Any]) -> Table:
    kind = data.get("kind", "table")
    if kind not in ("table", "view", "temporary"):
        raise ValueError(f"unknown table kind {kind!r}")
    return Table(
        name=_text(data["name"]),
        columns=tuple(_column(c) for c in data.get("columns", ())),
        namespace=_text(data.get("namespace", "")),
        kind=kind,
        comment=_text(data.get("comment", "")),
        foreign_keys=tuple(_foreign_key(k) for k in data.get("foreign_keys", ())),
        quoted=bool(data.get("quoted", False)),
    )


def _column(data: Mapping[str, Any]) -> Column:
    return Column(
        name=_text(data["name"]),
        type=_text(data.get("type", "")),
        comment=_text(data.get("comment", "")),
        primary_key=bool(data.get("primary_key", False)),
        quoted=bool(data.get("quoted", False)),
        values=_texts(data.get("values", ())),
    )


def _foreign_key(data: Mapping[str, Any]) -> ForeignKey:
    return ForeignKey(
        columns=_texts(data["columns"]),
        table=_text(data["table"]),
        referenced_columns=_texts(data.get("referenced_columns", ())),
    )
