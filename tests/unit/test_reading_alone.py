"""A statement that is run on a database file reads that file, and does nothing else."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import duckdb
import pytest

from squill.errors import SquillError
from squill.sqlite_access import open_for_reading
from squill_terminal.databases import Limits, open_database
from squill_trainer.evaluation.execution import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from squill_terminal.databases import Database as TerminalDatabase

SQLITE_ATTEMPTS = [
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA user_version = 7",
    "PRAGMA temp_store_directory = '/tmp'",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "ATTACH '{other}' AS o",
    "ATTACH '{made}' AS o",
    "VACUUM INTO '{made}'",
    "BEGIN IMMEDIATE",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE TEMP TRIGGER t AFTER INSERT ON pay BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE temp.t USING fts5(a)",
    "DELETE FROM pay",
    "SELECT 1; DELETE FROM pay",
    "WITH x AS (SELECT 1) DELETE FROM pay",
    "INSERT INTO pay VALUES (3) RETURNING id",
    "SELECT load_extension('{made}')",
    "SELECT writefile('{made}', 'x')",
    "SELECT * FROM pragma_journal_mode('DELETE')",
    "UPDATE sqlite_master SET sql = ''",
    "UPDATE sqlite_dbpage SET data = zeroblob(4096)",
    "REINDEX",
    "ANALYZE",
]
DUCKDB_ATTEMPTS = [
    "SELECT 1; SELECT 2",
    "DELETE FROM pay",
    "ATTACH '{made}'",
    "COPY pay TO '{made}'",
    "EXPORT DATABASE '{made}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "PRAGMA enable_profiling",
    "CREATE TEMP TABLE t AS SELECT 1",
    "SELECT * FROM read_text('{other}')",
    "SELECT * FROM glob('/etc/*')",
    "FROM '{other}'",
    "CALL pragma_version()",
    "CHECKPOINT",
]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another file beside the opened one, which must stay as it is."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE pay (id INTEGER)")
        connection.execute("INSERT INTO pay VALUES (1), (2)")
    connection.close()
    return path


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE pay (id INTEGER)")
        connection.execute("CREATE INDEX pay_by_id ON pay (id)")
        connection.execute("INSERT INTO pay VALUES (1), (2)")
    connection.close()
    return path


@pytest.fixture
def duckdb_file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.duckdb"
    connection = duckdb.connect(str(path))
    connection.execute("CREATE TABLE pay AS SELECT 1 AS id UNION ALL SELECT 2")
    connection.close()
    return path


@pytest.fixture
def sqlite_database(sqlite_file: Path) -> Iterator[TerminalDatabase]:
    database = open_database(sqlite_file, str)
    yield database
    database.close()


@pytest.fixture
def duckdb_database(duckdb_file: Path) -> Iterator[TerminalDatabase]:
    database = open_database(duckdb_file, str)
    yield database
    database.close()


def test_sqlite_refuses_whatever_does_more_than_read(
    sqlite_database: TerminalDatabase, sqlite_file: Path, other: Path, tmp_path: Path
) -> None:
    before = sqlite_file.read_bytes(), other.read_bytes(), sorted(tmp_path.iterdir())
    for attempt in SQLITE_ATTEMPTS:
        sql = attempt.format(other=other, made=tmp_path / "made")
        with pytest.raises(SquillError, match="The database refuses it: "):
            sqlite_database.run(sql, Limits())
    assert (sqlite_file.read_bytes(), other.read_bytes(), sorted(tmp_path.iterdir())) == before
    assert len(sqlite_database.run("SELECT * FROM pay", Limits()).rows) == 2


def test_duckdb_refuses_whatever_does_more_than_read(
    duckdb_database: TerminalDatabase, other: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    for attempt in DUCKDB_ATTEMPTS:
        sql = attempt.format(other=other, made=tmp_path / "made")
        with pytest.raises(SquillError, match="The database refuses it: "):
            duckdb_database.run(sql, Limits())
    assert sorted(tmp_path.iterdir()) == before
    assert len(duckdb_database.run("SELECT * FROM pay", Limits()).rows) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) FROM pay",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3) SELECT * FROM n",
        "SELECT id, RANK() OVER (ORDER BY id) FROM pay",
        "EXPLAIN QUERY PLAN SELECT * FROM pay",
        "PRAGMA table_info(pay)",
        "SELECT * FROM pragma_table_info('pay')",
        "PRAGMA user_version",
        "SELECT strftime('%Y', 'now'), json_extract('[1]', '$[0]')",
    ],
)
def test_sqlite_answers_whatever_reads(sqlite_database: TerminalDatabase, sql: str) -> None:
    assert sqlite_database.run(sql, Limits()).rows


@pytest.mark.parametrize("sql", ["SELECT 1 AS a", "EXPLAIN SELECT 1", "DESCRIBE pay", "FROM pay"])
def test_duckdb_answers_whatever_reads(duckdb_database: TerminalDatabase, sql: str) -> None:
    assert duckdb_database.run(sql, Limits()).rows


def test_an_evaluation_runs_nothing_that_does_more_than_read(
    sqlite_file: Path, other: Path, tmp_path: Path
) -> None:
    with Database(sqlite_file) as database:
        for attempt in SQLITE_ATTEMPTS:
            sql = attempt.format(other=other, made=tmp_path / "made")
            assert database.run(sql).error
        assert len(database.run("SELECT * FROM pay").rows) == 2
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("call", ["randomblob(1000000000)", "zeroblob(1000000000)"])
def test_one_call_takes_no_more_memory_than_a_value_may(
    sqlite_database: TerminalDatabase, call: str
) -> None:
    with pytest.raises(SquillError):
        sqlite_database.run(f"SELECT length({call}), {call}", Limits())


def test_a_call_that_nothing_interrupts_is_stopped_in_time(
    sqlite_database: TerminalDatabase,
) -> None:
    """SQLite looks at interrupts between its steps; this is one step of many seconds."""
    slow = "SELECT " + " + ".join(
        f"length(replace(hex(zeroblob(20000000)), '0', '{number}'))" for number in range(60)
    )
    with pytest.raises(SquillError, match=r"stopped after 0\.2 s"):
        sqlite_database.run(slow, Limits(seconds=0.2))
    assert sqlite_database.run("SELECT 1", Limits()).rows == ((1,),)


def test_rows_beside_a_writer_are_the_writers(sqlite_file: Path) -> None:
    """``immutable=1`` would show what was there when the file was opened."""
    connection = open_for_reading(sqlite_file)
    assert len(connection.execute("SELECT * FROM pay").fetchall()) == 2
    with sqlite3.connect(sqlite_file) as writer:
        writer.execute("INSERT INTO pay VALUES (3)")
    writer.close()
    assert len(connection.execute("SELECT * FROM pay").fetchall()) == 3
    connection.close()


def test_bytes_that_are_no_text_are_shown_escaped(tmp_path: Path) -> None:
    path = tmp_path / "latin.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
        connection.execute("INSERT INTO t VALUES (CAST(x'636166e9' AS TEXT))")
    connection.close()
    database = open_database(path, str)
    assert database.run("SELECT a FROM t", Limits()).rows == (("caf\\xe9",),)
    database.close()
