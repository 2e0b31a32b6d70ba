"""No training data of ours repeats what the model is measured with."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from squill.ddl import parse_schema
from squill.prompt.lines.target import to_target

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
OWN = ROOT / "trainer" / "data"
SHARED = ROOT.parent / "shared" / "data"
MEASURED = ("desk.dev", "workday.dev", "spider.dev", "wikisql.dev")
WORDS = 8
"""A run of so many words that two questions share is a copy."""


def rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in gzip.decompress(path.read_bytes()).splitlines():
        yield json.loads(line)


def runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[i : i + WORDS]) for i in range(len(words) - WORDS + 1)}


def tables(schema: str) -> frozenset[str]:
    return frozenset(re.findall(r"CREATE TABLE\s+\W?(\w+)", schema, re.IGNORECASE))


@pytest.fixture(scope="module")
def own() -> list[dict[str, Any]]:
    return [row for path in OWN.glob("*.jsonl.gz") for row in rows(path)]


@pytest.fixture(scope="module")
def measured() -> list[dict[str, Any]]:
    return [row for name in MEASURED for row in rows(SHARED / f"{name}.jsonl.gz")]


def test_no_question_that_is_measured_is_trained_on(
    own: list[dict[str, Any]], measured: list[dict[str, Any]]
) -> None:
    asked = set().union(*(runs(row["question"]) for row in measured))
    for row in own:
        assert not runs(row.get("question") or row["text"]) & asked, row


def test_no_schema_that_is_measured_is_trained_on(
    own: list[dict[str, Any]], measured: list[dict[str, Any]]
) -> None:
    known = {tables(schema) for schema in {row["schema"] for row in measured}}
    known = {names for names in known if len(names) > 1}
    assert not {tables(schema) for schema in {row["schema"] for row in own}} & known


def test_every_query_has_a_target(own: list[dict[str, Any]]) -> None:
    schemas = {
        schema: parse_schema(schema, "sqlite").schema for schema in {r["schema"] for r in own}
    }
    for sql, schema in {(row["sql"], row["schema"]) for row in own if "sql" in row}:
        assert to_target(sql, schemas[schema], read="sqlite").startswith("SELECT")
