"""What DDL statements do to the tables: small immutable steps, parsed once, replayed often."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from squill.ddl.catalog import TableName
from squill.schema import Column, ForeignKey, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.ddl.catalog import Catalog


class Operation(Protocol):
    """One step. It never fails: what names an unknown table changes nothing."""

    def apply(self, catalog: Catalog) -> None:
        """Change ``catalog``."""


@dataclass(frozen=True, slots=True)
class StarOf:
    """All columns that a table has when the step is applied."""

    table: TableName


@dataclass(frozen=True, slots=True)
class Define:
    """CREATE TABLE or VIEW.

    ``inherited`` are columns known only in the catalog's light: those of a LIKE, and a
    projection's, in which a text names one column.
    """

    table: Table
    inherited: tuple[str | StarOf, ...] = ()
    keep_types: bool = False
    if_not_exists: bool = False

    def apply(self, catalog: Catalog) -> None:
        name = TableName(self.table.namespace, self.table.name)
        if self.if_not_exists and catalog.defined_in_this_source(name):
            return
        if not self.inherited:
            catalog.define(self.table)
            return
        columns = {column.name.casefold(): column for column in self._inherited(catalog)}
        for column in self.table.columns:
            columns[column.name.casefold()] = column
        catalog.define(replace(self.table, columns=tuple(columns.values())))

    def _inherited(self, catalog: Catalog) -> Iterator[Column]:
        for item in self.inherited:
            if isinstance(item, str):
                yield Column(item)
            elif source := catalog.find(item.table):
                if self.keep_types:
                    yield from source.columns
                else:
                    yield from (Column(column.name) for column in source.columns)


@dataclass(frozen=True, slots=True)
class Drop:
    table: TableName

    def apply(self, catalog: Catalog) -> None:
        catalog.drop(self.table)


@dataclass(frozen=True, slots=True)
class RenameTable:
    table: TableName
    new: TableName

    def apply(self, catalog: Catalog) -> None:
        catalog.rename(self.table, self.new)


@dataclass(frozen=True, slots=True)
class RenameColumn:
    table: TableName
    column: str
    new: str

    def apply(self, catalog: Catalog) -> None:
        catalog.rename_column(self.table, self.column, self.new)


@dataclass(frozen=True, slots=True)
class Extend:
    """ALTER TABLE ADD: columns and keys. A column that is there already is replaced in place."""

    table: TableName
    columns: tuple[Column, ...] = ()
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()

    def apply(self, catalog: Catalog) -> None:
        catalog.change(self.table, self._extend)

    def _extend(self, table: Table) -> Table:
        columns = {column.name.casefold(): column for column in table.columns}
        columns |= {column.name.casefold(): column for column in self.columns}
        return replace(
            table,
            columns=with_primary_key(tuple(columns.values()), self.primary_key),
            foreign_keys=table.foreign_keys + self.foreign_keys,
        )


@dataclass(frozen=True, slots=True)
class DropColumn:
    table: TableName
    column: str

    def apply(self, catalog: Catalog) -> None:
        catalog.change(self.table, self._drop)

    def _drop(self, table: Table) -> Table:
        gone = self.column.casefold()
        return replace(
            table,
            columns=tuple(c for c in table.columns if c.name.casefold() != gone),
            foreign_keys=tuple(
                key for key in table.foreign_keys if gone not in map(str.casefold, key.columns)
            ),
        )


@dataclass(frozen=True, slots=True)
class ChangeColumn:
    """New type or comment of one column; None leaves what there is."""

    table: TableName
    column: str
    type: str | None = None
    comment: str | None = None

    def apply(self, catalog: Catalog) -> None:
        catalog.change(self.table, self._change)

    def _change(self, table: Table) -> Table:
        wanted = self.column.casefold()
        return replace(
            table,
            columns=tuple(
                self._changed(c) if c.name.casefold() == wanted else c for c in table.columns
            ),
        )

    def _changed(self, column: Column) -> Column:
        return replace(
            column,
            type=column.type if self.type is None else self.type,
            comment=column.comment if self.comment is None else self.comment,
        )


@dataclass(frozen=True, slots=True)
class CommentTable:
    table: TableName
    comment: str

    def apply(self, catalog: Catalog) -> None:
        catalog.change(self.table, lambda table: replace(table, comment=self.comment))


def with_primary_key(columns: tuple[Column, ...], names: tuple[str, ...]) -> tuple[Column, ...]:
    """``columns`` with those in ``names`` marked as the primary key."""
    if not names:
        return columns
    keys = {name.casefold() for name in names}
    return tuple(
        replace(column, primary_key=True) if column.name.casefold() in keys else column
        for column in columns
    )
