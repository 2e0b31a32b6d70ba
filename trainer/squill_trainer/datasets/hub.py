"""The same data from the hub, where the ``datasets`` library is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from squill.errors import UsageError
from squill_trainer.datasets.row import Row
from squill_trainer.datasets.wikisql import wikisql_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HUB_IDS = {"wikisql": "Salesforce/wikisql", "spider": "xlangai/spider"}


class HubData:
    """``splits`` are the hub's own names of them."""

    def __init__(self, identifier: str) -> None:
        """
        Raises:
            UsageError: the library is not there, or the data cannot be had.
        """
        try:
            import datasets
        except ImportError as error:
            raise UsageError(
                "Data from the hub needs the `datasets` library, which is not installed. "
                "Run `pip install datasets`, or name a local archive with --from."
            ) from error
        try:
            self._data: Mapping[str, Any] = datasets.load_dataset(identifier)
        except Exception as error:  # the hub's client lets its transport's own errors through
            raise UsageError(
                f"{identifier} cannot be had from the hub ({' '.join(str(error).split())[:200]}). "
                "Check name and network, or name a local archive with --from."
            ) from error
        self._identifier = identifier

    def rows(self, split: str) -> Iterator[Row]:
        """None where the hub has no such split.

        Raises:
            UsageError: its entries say nothing of their tables.
        """
        for entry in self._data.get(split, ()):
            if (row := self._row(entry)) is not None:
                yield row

    def _row(self, entry: Mapping[str, Any]) -> Row | None:
        match entry:
            case {"table": {"header": _} as table, "question": str(question), "sql": query}:
                return wikisql_row(table, question, _by_number(query))
            case {"question": str(question), "context": str(tables), "answer": str(sql)}:
                return Row(tables, tables, question.strip(), sql.strip().rstrip(";"))
            case {"question": str(question), "schema": str(tables), "sql": str(sql)}:
                name = str(entry.get("db_id") or tables)
                return Row(name, tables, question.strip(), sql.strip().rstrip(";"))
        raise UsageError(
            f"The entries of {self._identifier} ({', '.join(entry)}) do not say which tables their "
            "questions are about. Name the original archive with --from."
        )


def _by_number(query: Mapping[str, Any]) -> dict[str, Any]:
    """The hub has WikiSQL's conditions as columns, its authors have them as rows."""
    conditions = query["conds"]
    if not isinstance(conditions, dict):
        return dict(query)
    columns = ("column_index", "operator_index", "condition")
    rows = zip(*(conditions[name] for name in columns), strict=True)
    return dict(query) | {"conds": [list(row) for row in rows]}
