"""The everyday questions that judge the embedded model have queries that fit their tables."""

from __future__ import annotations

import json
from pathlib import Path

from squill.binding import bind
from squill.ddl import parse_schema
from squill.plausibility import implausible

FILE = Path(__file__).parents[2] / "benchmarks" / "everyday.jsonl"


def test_every_wanted_query_binds_and_can_be_meant() -> None:
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    assert len({row["id"] for row in rows}) == 40
    for row in rows:
        schema = parse_schema(row["schema"], "sqlite").schema
        bound = bind(row["sql"], schema)
        assert bound.valid, (row["question"], bound.problems)
        assert not implausible(bound, schema), row["question"]
