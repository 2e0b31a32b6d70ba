"""WikiSQL: ``train|dev|test.jsonl`` with ``*.tables.jsonl``, as its authors publish it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from squill.errors import UsageError
from squill_trainer.datasets.row import Row, literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from squill_trainer.datasets.archive import Archive

AGGREGATES = ("", "MAX", "MIN", "COUNT", "SUM", "AVG")
OPERATORS = ("=", ">", "<")
_TYPES = {"real": "REAL", "number": "REAL"}


def is_wikisql(archive: Archive) -> bool:
    return "train.jsonl" in archive and "train.tables.jsonl" in archive


def wikisql_rows(archive: Archive, split: str) -> Iterator[Row]:
    """The rows of ``split`` (train, dev or test). Tables with a column twice are left out.

    Raises:
        UsageError: a file is missing or not WikiSQL's.
    """
    tables = {str(table.get("id")): table for table in archive.lines(f"{split}.tables.jsonl")}
    for number, entry in enumerate(archive.lines(f"{split}.jsonl"), 1):
        try:
            table = tables[entry["table_id"]]
            row = wikisql_row(table, entry["question"], entry["sql"])
        except (KeyError, TypeError, IndexError) as error:
            raise UsageError(
                f"{split}.jsonl:{number} is not a line of WikiSQL ({error!r}). Fetch it again."
            ) from error
        if row is not None:
            yield row


def wikisql_row(table: Mapping[str, Any], question: str, query: Mapping[str, Any]) -> Row | None:
    """``query`` has ``sel``, ``agg`` and ``conds`` by number. None where columns share a name.

    Whether a value is a number is the data's to say: a column of numbers is compared with ``"1"``
    as well as with ``1``, and SQLite takes both alike.
    """
    header: Sequence[str] = table["header"]
    if len({name.casefold() for name in header}) < len(header):
        return None
    types = [_TYPES.get(kind, "TEXT") for kind in table["types"]]
    name = f"table_{table['id'].replace('-', '_')}"
    columns = ", ".join(f"{quoted(c)} {kind}" for c, kind in zip(header, types, strict=True))
    chosen = quoted(header[query["sel"]])
    if aggregate := AGGREGATES[query["agg"]]:
        chosen = f"{aggregate}({chosen})"
    conditions = [
        f"{quoted(header[column])} {OPERATORS[operator]} {literal(value)}"
        for column, operator, value in query["conds"]
    ]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return Row(
        table["id"],
        f"CREATE TABLE {name} ({columns});",
        question.strip(),
        f"SELECT {chosen} FROM {name}{where}",
    )
