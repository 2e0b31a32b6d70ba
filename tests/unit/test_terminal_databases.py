"""Databases as the terminal and notebooks see them: their tables, and runs within limits."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import duckdb
import pytest
import sqlalchemy
from rich.console import Console

from squill.errors import SquillError, UsageError
from squill_terminal.databases import Limits, Rows, open_database
from squill_terminal.definitions import of_duckdb, of_sqlalchemy, of_sqlite
from squill_terminal.table import as_table, summary

if TYPE_CHECKING:
    from pathlib import Path

    from squill_terminal.databases import Database

TABLES = """
CREATE TABLE schools (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE students (Name TEXT, Age INTEGER, school INTEGER REFERENCES schools (id));
INSERT INTO schools VALUES (1, 'First');
INSERT INTO students VALUES ('Wang Junjian', 13, 1), ('Li Na', 14, NULL);
CREATE VIEW old AS SELECT Name FROM students WHERE Age > 13;
"""
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n"


@pytest.fixture(params=["sqlite", "duckdb"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database file whose name says nothing of its kind."""
    path = tmp_path / "school"
    connection = sqlite3.connect(path) if request.param == "sqlite" else duckdb.connect(str(path))
    for statement in TABLES.split(";")[:-1]:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def opened(path: Path | None, text: str = "") -> Database:
    return open_database(path, lambda: text)


def test_a_file_is_opened_by_its_content_with_its_tables(path: Path) -> None:
    database = opened(path)
    names = {table.name: [c.name for c in table.columns] for table in database.schema.tables}
    assert names["students"] == ["Name", "Age", "school"]
    assert names["old"] == ["Name"]
    students = database.schema.table("students")
    assert students is not None
    assert students.foreign_keys[0].table == "schools"
    database.close()


def test_a_query_runs_and_its_rows_are_counted(path: Path) -> None:
    database = opened(path)
    rows = database.run("SELECT Name, Age FROM students ORDER BY Age", Limits(rows=1))
    assert (rows.columns, rows.rows, rows.more) == (("Name", "Age"), (("Wang Junjian", 13),), True)
    assert summary(rows).startswith("the first 1 rows, ")
    database.close()


@pytest.mark.parametrize("change", ["DELETE FROM students", "DROP TABLE students", "SELECT x"])
def test_nothing_can_be_changed_and_refusals_are_sentences(path: Path, change: str) -> None:
    database = opened(path)
    with pytest.raises(SquillError, match="The database refuses it: "):
        database.run(change, Limits())
    assert len(database.run("SELECT * FROM students", Limits()).rows) == 2
    database.close()


def test_a_query_without_end_is_stopped_and_the_next_one_runs(path: Path) -> None:
    database = opened(path)
    with pytest.raises(SquillError, match=r"stopped after 0\.05 s"):
        database.run(ENDLESS, Limits(seconds=0.05))
    assert database.run("SELECT 1", Limits()).rows == ((1,),)
    database.close()


def test_a_duckdb_file_is_no_way_to_other_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    path = tmp_path / "db.duckdb"
    duckdb.connect(str(path)).close()
    database = opened(path)
    with pytest.raises(SquillError, match="refuses"):
        database.run(f"SELECT * FROM read_csv('{secret}')", Limits())
    database.close()


def test_definitions_alone_have_no_rows(tmp_path: Path) -> None:
    file = tmp_path / "schema.sql"
    file.write_text(TABLES)
    for database in (opened(file), opened(None, TABLES)):
        assert not database.can_run
        assert database.schema.table("students")
        with pytest.raises(UsageError, match="has no rows"):
            database.run("SELECT 1", Limits())


def test_what_is_no_database_and_no_sql_is_one_sentence(tmp_path: Path) -> None:
    empty = tmp_path / "empty.sql"
    empty.touch()
    for path, reason in ((empty, "no table definitions"), (tmp_path / "gone", "No such file")):
        with pytest.raises(UsageError, match=reason):
            opened(path)


def test_drivers_agree_on_the_tables(tmp_path: Path) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.executescript(TABLES)
    memory = duckdb.connect()
    for statement in TABLES.split(";")[:-1]:
        memory.execute(statement)
    found = [of_sqlite(connection), of_duckdb(memory), of_sqlalchemy(engine)]
    shapes = [
        sorted((t.name, tuple(c.name for c in t.columns)) for t in schema.tables)
        for schema in found
    ]
    assert shapes[0] == shapes[1] == shapes[2]
    assert [schema.dialect for schema in found] == ["sqlite", "duckdb", "sqlite"]
    keys = found[2].table("students")
    assert keys is not None
    assert keys.foreign_keys[0].referenced_columns == ("id",)
    connection.close()
    engine.dispose()


def test_a_table_sets_numbers_right_and_marks_what_is_missing() -> None:
    rows = Rows(("name", "n"), (("a\nb", 5), (None, 12), (b"xyz", None)), 0.0123, more=False)
    console = Console(width=80, color_system=None)
    with console.capture() as captured:
        console.print(as_table(rows))
    lines = [line.rstrip() for line in captured.get().splitlines() if line.strip()]
    assert lines[0].split() == ["name", "n"]
    assert lines[2].startswith("a b ")
    assert lines[3].split() == ["NULL", "12"]
    assert lines[2].index("5") > lines[2].index("b") + 1
    assert "<3 bytes>" in lines[4]
    assert summary(rows) == "3 rows, 12 ms"
