"""Real queries are in the language of their schema's grammar (`benchmarks/grammar.py` runs all)."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import pytest

from grammar_walk import byte_tokenizer, compiler_of, taken
from squill.ddl import parse_schema
from squill.prompt import PromptFormat, format_by_id
from squill.prompt.slots.vocabulary import all_tokens
from squill_daemon.constraint import Constraint

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(
    not (DATA / "spider.dev.jsonl.gz").exists(), reason=f"the data sets are not in {DATA}"
)

SLOTS = format_by_id("slots-2")
PLAIN = format_by_id("plain-1")
TOKENIZERS = {SLOTS.id: byte_tokenizer(all_tokens()), PLAIN.id: byte_tokenizer()}
COMPILERS = {identifier: compiler_of(found) for identifier, found in TOKENIZERS.items()}


@pytest.mark.parametrize("prompt_format", [SLOTS, PLAIN], ids=lambda f: f.id)
@pytest.mark.parametrize(("name", "step"), [("spider.dev", 11), ("wikisql.dev", 25)])
def test_gold_queries_can_be_written(prompt_format: PromptFormat, name: str, step: int):
    missing = []
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in itertools.islice(lines, 0, None, step):
            row = json.loads(line)
            schema = parse_schema(row["schema"], "sqlite").schema
            target = SLOTS.target(row["sql"], schema, row["question"])
            if prompt_format is PLAIN:  # in the schema's own letter case
                target = PLAIN.target(
                    SLOTS.sql(target, schema, row["question"]), schema, row["question"]
                )
            terminals = prompt_format.terminals(schema, row["question"])
            constraint = Constraint(COMPILERS[prompt_format.id], terminals, changes=False)
            tokens = TOKENIZERS[prompt_format.id].encode(target).ids
            if taken(constraint, tokens) <= len(tokens):
                missing.append(target)
    assert missing == []
