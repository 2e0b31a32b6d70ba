"""Binding measured on real question-and-query data, with SQLite's own word as the yardstick."""

from __future__ import annotations

import gzip
import json
import random
import re
import sqlite3
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from squill.binding import bind
from squill.ddl import parse_schema

if TYPE_CHECKING:
    from squill.schema import Schema

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(
    not (DATA / "spider.dev.jsonl.gz").exists(), reason=f"the data sets are not in {DATA}"
)

Row = dict[str, str]


@cache
def rows(name: str, count: int) -> list[Row]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return random.Random(7).sample(found, min(count, len(found)))


@cache
def schema(ddl: str) -> Schema:
    parsed = parse_schema(ddl, "sqlite")
    assert parsed.problems == ()
    return parsed.schema


@pytest.mark.parametrize(("name", "count"), [("spider.dev", 1034), ("wikisql.dev", 1000)])
def test_every_gold_query_binds(name: str, count: int) -> None:
    wrong = [
        (row["id"], problems)
        for row in rows(name, count)
        if (problems := bind(row["sql"], schema(row["schema"])).problems)
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["spider.dev", "wikisql.dev"])
def test_a_schema_needs_no_dialect_to_be_read_as_sqlite(name: str) -> None:
    texts = {row["schema"] for row in rows(name, 1000)}
    assert {parse_schema(text).schema.dialect for text in texts} == {"sqlite"}


TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|\w+|[<>!]=|<>|\S")


def mutated(sql: str, known: Schema, chance: random.Random) -> str:
    """The query with one token made up, replaced, removed, doubled as a call or swapped."""
    tokens = TOKEN.findall(sql)
    words = [i for i, token in enumerate(tokens) if token.isidentifier()]
    names = [c.name for t in known.tables for c in t.columns] + [t.name for t in known.tables]
    index, other = chance.choice(words), chance.randrange(len(tokens))
    kind = chance.randrange(5)
    if kind == 0:
        tokens[index] = "made_up"
    elif kind == 1:
        tokens[index] = chance.choice(names)
    elif kind == 2:
        del tokens[other]
    elif kind == 3:
        tokens[index : index + 1] = [chance.choice(("count", "max")), "(", tokens[index], ")"]
    else:
        tokens[index], tokens[other] = tokens[other], tokens[index]
    return " ".join(tokens)


def sqlite_accepts(database: sqlite3.Connection, sql: str) -> bool:
    try:
        database.execute(f"EXPLAIN {sql}")
    except (sqlite3.Error, sqlite3.Warning):
        return False
    return True


@cache
def database(ddl: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(ddl)
    return connection


def test_agrees_with_sqlite_on_queries_with_one_change() -> None:
    """No wrong query may pass; hardly any right one may be refused."""
    chance = random.Random(11)
    passed, refused, right = [], [], 0
    for row in rows("spider.dev", 1034):
        known = schema(row["schema"])
        sql = mutated(row["sql"], known, chance)
        accepted = sqlite_accepts(database(row["schema"]), sql)
        valid = bind(sql, known).valid
        right += accepted
        if valid and not accepted:
            passed.append(sql)
        # SQLite takes a word in double quotes that names no column for a text.
        if accepted and not valid and '"' not in sql:
            refused.append(sql)
    for ddl in {row["schema"] for row in rows("spider.dev", 1034)}:
        database(ddl).close()
    database.cache_clear()
    assert right > 50
    assert passed == []
    assert refused == []


def test_a_made_up_column_is_always_found() -> None:
    for row in rows("wikisql.dev", 300):
        known = schema(row["schema"])
        (table,) = known.tables
        for column in table.columns:
            for spelling in (f'"{column.name}"', column.name):
                wrong = re.sub(
                    rf"(?<!\w){re.escape(spelling)}(?!\w)", "made_up", row["sql"], count=1
                )
                if wrong != row["sql"] and "'" not in wrong:
                    assert not bind(wrong, known).valid, wrong
