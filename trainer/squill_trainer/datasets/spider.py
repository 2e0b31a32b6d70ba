"""Spider: ``tables.json``, ``train_spider.json``, ``train_others.json``, ``dev.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from squill.errors import UsageError
from squill_trainer.datasets.row import Row, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from squill_trainer.datasets.archive import Archive

_FILES = {"train": ("train_spider.json", "train_others.json"), "dev": ("dev.json",)}
_TYPES = {"number": "REAL", "time": "DATE", "boolean": "BOOLEAN"}


def is_spider(archive: Archive) -> bool:
    return "tables.json" in archive and "dev.json" in archive


def spider_rows(archive: Archive, split: str) -> Iterator[Row]:
    """The rows of ``split`` (train or dev).

    Raises:
        UsageError: a file is missing or not Spider's.
    """
    definitions = {}
    for database in archive.json("tables.json"):
        definitions[_field(database, "db_id", "tables.json")] = _definitions(database)
    for name in _FILES[split]:
        if name == "train_others.json" and name not in archive:
            continue
        for entry in archive.json(name):
            database = _field(entry, "db_id", name)
            if database not in definitions:
                raise UsageError(f"{name} asks of {database}, which tables.json does not define.")
            question, sql = _field(entry, "question", name), _field(entry, "query", name)
            yield Row(database, definitions[database], question.strip(), sql.strip().rstrip(";"))


def _field(entry: object, name: str, file: str) -> str:
    value = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(value, str):
        raise UsageError(f"{file} has an entry without {name!r}: it is not Spider's.")
    return value


def _definitions(database: Mapping[str, Any]) -> str:
    """CREATE TABLE statements, keys included."""
    try:
        tables: Sequence[str] = database["table_names_original"]
        return "\n".join(_table(database, index, name) for index, name in enumerate(tables))
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise UsageError(
            f"tables.json does not describe {database.get('db_id')} as Spider's does ({error!r})."
        ) from error


def _table(database: Mapping[str, Any], index: int, name: str) -> str:
    columns = database["column_names_original"]
    types = database["column_types"]
    tables = database["table_names_original"]
    keys = {
        k for key in database["primary_keys"] for k in (key if isinstance(key, list) else [key])
    }
    own = [c for c, (table, _) in enumerate(columns) if table == index]
    primary = [quoted(columns[c][1]) for c in own if c in keys]
    parts = [f"{quoted(columns[c][1])} {_TYPES.get(types[c], 'TEXT')}" for c in own]
    if primary:
        parts.append(f"PRIMARY KEY ({', '.join(primary)})")
    for column, referred in database["foreign_keys"]:
        if column in own:
            table, there = columns[referred]
            parts.append(
                f"FOREIGN KEY ({quoted(columns[column][1])}) "
                f"REFERENCES {quoted(tables[table])} ({quoted(there)})"
            )
    return f"CREATE TABLE {quoted(name)} ({', '.join(parts)});"
