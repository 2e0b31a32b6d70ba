"""What is visible at one place of a query: tables with their columns, and the scopes around."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from squill.schema import Table


class Source:
    """A table, derived table or CTE under the name that the query calls it by.

    ``columns`` is None where they cannot be known (a table function, say): it has any column.
    """

    def __init__(
        self, name: str, columns: Sequence[str] | None, table: Table | None = None
    ) -> None:
        self.name = name
        self.columns = columns
        self.table = table
        self.qualified = table.qualified_name.casefold() if table else ""
        self.merged: set[str] = set()
        """Columns (folded) that USING or NATURAL made one with a table to the left."""
        self._folded = None if columns is None else {column.casefold() for column in columns}

    def has(self, column: str) -> bool:
        return self._folded is None or column.casefold() in self._folded

    def star(self) -> list[str] | None:
        """What ``*`` takes from this source."""
        if self.columns is None:
            return None
        return [column for column in self.columns if column.casefold() not in self.merged]


@dataclass(slots=True)
class Scope:
    """The sources of one SELECT so far, its select aliases where they may be used, its parent."""

    parent: Scope | None
    sources: list[Source] = field(default_factory=list)
    aliases: set[str] = field(default_factory=set)

    def chain(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def with_aliases(self, aliases: Iterable[str]) -> Scope:
        return Scope(self.parent, self.sources, {alias.casefold() for alias in aliases if alias})

    def named(self, name: str, namespace: str = "") -> Source | None:
        """The source that a qualifier means, from here outwards."""
        folded = name.casefold()
        for scope in self.chain():
            for source in scope.sources:
                if source.name.casefold() != folded:
                    continue
                full = f"{namespace.casefold()}.{folded}"
                if not namespace or not source.qualified or _is_suffix(full, source.qualified):
                    return source
        return None

    def with_column(self, name: str) -> list[Source]:
        """The sources of this scope alone that an unqualified ``name`` could mean."""
        folded = name.casefold()
        known = [s for s in self.sources if s.columns is not None and s.has(name)]
        return [source for source in known if folded not in source.merged] or known[:1]

    @property
    def is_open(self) -> bool:
        """Whether a source may have columns that are not known."""
        return any(source.columns is None for source in self.sources)


def _is_suffix(wanted: str, qualified: str) -> bool:
    # A default namespace need not be written in the definition.
    return f".{qualified}".endswith(f".{wanted}") or "." not in qualified


def suggestion(name: str, candidates: Iterable[str]) -> str:
    """A clause that offers the candidate most like ``name``, or nothing."""
    by_folded = {candidate.casefold(): candidate for candidate in reversed(list(candidates))}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean `{by_folded[close[0]]}`?" if close else "."


def listed(names: Iterable[str]) -> str:
    """```a`, `b` or `c```."""
    quoted = [f"`{name}`" for name in names]
    return " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]])) if quoted else ""
