"""The tables while a build goes through the statements that define and change them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from squill.schema import Column, ForeignKey, Table

# What an unqualified name means in Postgres, SQL Server, SQLite and DuckDB.
DEFAULT_NAMESPACES = frozenset({"public", "dbo", "main"})


class TableName(NamedTuple):
    """A table as a statement names it. ``namespace`` is empty where none was written."""

    namespace: str
    name: str

    @property
    def key(self) -> tuple[str, str]:
        namespace = self.namespace.casefold()
        return ("" if namespace in DEFAULT_NAMESPACES else namespace), self.name.casefold()

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


class Catalog:
    """Tables by name without case, in the order of their first definition. One build owns it."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, str], Table] = {}
        self._sources: dict[tuple[str, str], str] = {}
        self._keys_by_name: dict[str, list[tuple[str, str]]] = {}
        self.source = ""

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables.values())

    def find(self, name: TableName) -> Table | None:
        key = self._resolve(name)
        return self._tables[key] if key else None

    def defined_in_this_source(self, name: TableName) -> bool:
        return self._sources.get(name.key) == self.source

    def define(self, table: Table) -> None:
        key = TableName(table.namespace, table.name).key
        if key not in self._tables:
            self._keys_by_name.setdefault(key[1], []).append(key)
        self._tables[key] = table
        self._sources[key] = self.source

    def drop(self, name: TableName) -> None:
        if key := self._resolve(name):
            self._forget(key)

    def change(self, name: TableName, edit: Callable[[Table], Table]) -> None:
        """Lay ``edit`` over a table; a table that is not known stays so."""
        if key := self._resolve(name):
            self._tables[key] = edit(self._tables[key])

    def rename(self, name: TableName, new: TableName) -> None:
        """Rename a table where it stands, and in the foreign keys that point to it."""
        old_key = self._resolve(name)
        if not old_key:
            return
        table = self._tables[old_key]
        renamed = replace(table, name=new.name, namespace=new.namespace or table.namespace)
        new_key = TableName(renamed.namespace, renamed.name).key
        if new_key != old_key and new_key in self._tables:
            self._forget(new_key)
        self._keys_by_name[old_key[1]].remove(old_key)
        self._keys_by_name.setdefault(new_key[1], []).append(new_key)
        self._sources[new_key] = self._sources.pop(old_key)
        self._tables = {
            new_key if key == old_key else key: renamed if key == old_key else value
            for key, value in self._tables.items()
        }
        self._retarget(old_key, lambda key: replace(key, table=renamed.qualified_name))

    def rename_column(self, name: TableName, old: str, new: str) -> None:
        """Rename a column, and in the foreign keys of its own and of other tables."""
        key = self._resolve(name)
        if key is None:
            return
        self._tables[key] = _with_column_renamed(self._tables[key], old, new)
        self._retarget(
            key,
            lambda foreign: replace(
                foreign, referenced_columns=_substituted(foreign.referenced_columns, old, new)
            ),
        )

    def _retarget(self, target: tuple[str, str], edit: Callable[[ForeignKey], ForeignKey]) -> None:
        for key, table in self._tables.items():
            if any(_target(foreign) == target for foreign in table.foreign_keys):
                keys = tuple(edit(k) if _target(k) == target else k for k in table.foreign_keys)
                self._tables[key] = replace(table, foreign_keys=keys)

    def _resolve(self, name: TableName) -> tuple[str, str] | None:
        key = name.key
        if key in self._tables:
            return key
        if name.namespace:
            return None
        candidates = self._keys_by_name.get(key[1], [])
        return candidates[0] if len(candidates) == 1 else None

    def _forget(self, key: tuple[str, str]) -> None:
        del self._tables[key]
        del self._sources[key]
        self._keys_by_name[key[1]].remove(key)


def _target(foreign_key: ForeignKey) -> tuple[str, str]:
    namespace, _, name = foreign_key.table.rpartition(".")
    return TableName(namespace, name).key


def _with_column_renamed(table: Table, old: str, new: str) -> Table:
    keys = tuple(
        replace(key, columns=_substituted(key.columns, old, new)) for key in table.foreign_keys
    )
    columns = tuple(_renamed(column, old, new) for column in table.columns)
    return replace(table, columns=columns, foreign_keys=keys)


def _renamed(column: Column, old: str, new: str) -> Column:
    return replace(column, name=new) if column.name.casefold() == old.casefold() else column


def _substituted(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if name.casefold() == old.casefold() else name for name in names)
