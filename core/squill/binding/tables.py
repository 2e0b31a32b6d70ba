"""Finds the schema's tables by the names that queries use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from squill.binding.scope import listed, suggestion
from squill.ddl.catalog import DEFAULT_NAMESPACES

if TYPE_CHECKING:
    from squill.schema import Schema, Table

_SYSTEM_NAMESPACES = frozenset({"information_schema", "pg_catalog", "sys"})
_SYSTEM_TABLES = frozenset({"sqlite_master", "sqlite_schema", "sqlite_sequence", "dual"})


class Tables:
    """An index of one schema's tables."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    @cached_property
    def _by_name(self) -> dict[str, list[Table]]:
        found: dict[str, list[Table]] = {}
        for table in self._schema.tables:
            found.setdefault(table.name.casefold(), []).append(table)
        return found

    def find(self, namespace: str, name: str) -> Table | str:
        """The table, or a sentence that says why there is none."""
        candidates = self._by_name.get(name.casefold(), [])
        matching = [table for table in candidates if _matches(table, namespace.casefold())]
        if len(matching) == 1:
            return matching[0]
        in_default = [table for table in matching if _default(table.namespace.casefold()) == ""]
        if in_default:
            return in_default[-1]
        if matching:
            options = listed(table.qualified_name for table in matching)
            return f"`{name}` could be {options}; write its full name."
        written = f"{namespace}.{name}" if namespace else name
        names = (table.qualified_name for table in self._schema.tables)
        return f"There is no table `{written}`{suggestion(written, names)}"


def is_system_table(namespace: str, name: str) -> bool:
    """Whether a name means one of the database's own tables, which no DDL declares."""
    last = namespace.casefold().rpartition(".")[2]
    return last in _SYSTEM_NAMESPACES or (not namespace and name.casefold() in _SYSTEM_TABLES)


def _default(namespace: str) -> str:
    return "" if namespace in DEFAULT_NAMESPACES else namespace


def _matches(table: Table, namespace: str) -> bool:
    if not namespace:
        return True
    own = table.namespace.casefold()
    return f".{own}".endswith(f".{namespace}") or _default(own) == _default(namespace)
