"""Which splits a data set's archive has, whatever its layout."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from squill.errors import UsageError
from squill_trainer.datasets.archive import Archive
from squill_trainer.datasets.hub import HubData
from squill_trainer.datasets.row import Row
from squill_trainer.datasets.spider import is_spider, spider_rows
from squill_trainer.datasets.wikisql import is_wikisql, wikisql_rows
from squill_trainer.datasets.writing import split_off

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    Splits = dict[str, Callable[[], Iterable[Row]]]

_UNUSABLE = frozenset({"INCORRECT", "UNANSWERABLE"})


def local_splits(name: str, path: Path) -> Splits:
    """The splits of data set ``name`` in a folder or archive, or of one JSON Lines file.

    Known are the authors' own layouts, and JSON Lines with ``schema``, ``question`` and ``sql``
    (``NAME.train.jsonl``, ``NAME.dev.jsonl``, gzipped or not).

    Raises:
        UsageError: it has none of these.
    """
    if not path.exists():
        raise UsageError(f"There is no {path}. Name the data's folder or archive.")
    archive = Archive(path)
    if name == "wikisql" and is_wikisql(archive):
        splits = {"train": "train", "valid": "dev", "test": "test"}
        return {
            ours: partial(wikisql_rows, archive, theirs)
            for ours, theirs in splits.items()
            if f"{theirs}.jsonl" in archive
        }
    if name == "spider" and is_spider(archive):
        return _with_valid(partial(spider_rows, archive, "train")) | {
            "test": partial(spider_rows, archive, "dev")
        }
    train = next((n for n in _names(name, path) if n in archive), None)
    if train is None:
        raise UsageError(
            f"{path} is not {name} in a layout that is known here: the authors' own, or "
            f"{name}.train.jsonl with schema, question and sql. See docs/fine-tuning.md."
        )
    found = _with_valid(partial(_own_rows, archive, train))
    dev = f"{name}.dev.jsonl"
    return found | ({"test": partial(_own_rows, archive, dev)} if dev in archive else {})


def hub_splits(name: str, identifier: str) -> Splits:
    """The splits of a data set on the hub; ``name`` says which one it is.

    Raises:
        UsageError: it cannot be had.
    """
    data = HubData(identifier)
    test = "test" if name == "wikisql" else "validation"
    train = partial(data.rows, "train")
    valid: Splits = {"train": train, "valid": partial(data.rows, "validation")}
    return (valid if name == "wikisql" else _with_valid(train)) | {"test": partial(data.rows, test)}


def _names(name: str, path: Path) -> tuple[str, ...]:
    return (f"{name}.train.jsonl", path.name.removesuffix(".gz"))


def _with_valid(train: Callable[[], Iterable[Row]]) -> Splits:
    return {
        "train": lambda: split_off(train(), valid=False),
        "valid": lambda: split_off(train(), valid=True),
    }


def _own_rows(archive: Archive, name: str) -> Iterator[Row]:
    """Rows that reviewers judged wrong are left out."""
    for number, entry in enumerate(archive.lines(name), 1):
        match entry:
            case {"schema": str(tables), "question": str(question), "sql": str(sql)}:
                if entry.get("llm_verdict") in _UNUSABLE:
                    continue
                asked = f"{question.strip()} {entry.get('evidence') or ''}".strip()
                database = str(entry.get("db_id") or tables)
                yield Row(database, tables, asked, sql.strip().rstrip(";"))
            case _:
                raise UsageError(
                    f"{name}:{number} lacks schema, question or sql (texts). Correct the line."
                )
