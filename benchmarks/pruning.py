"""How often pruning keeps what the known answer needs, on schemas that are too large for a limit.

python benchmarks/pruning.py ../shared/data/bird.train.jsonl.gz --columns 40 80 160
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from squill.ddl import parse_schema
from squill.prompt.pruning import fits, prune
from squill_trainer.pretrain.corpus import read_rows

if TYPE_CHECKING:
    from squill.schema import Schema

MOST_TABLES = 40


@lru_cache(maxsize=256)
def schema_of(text: str) -> Schema:
    return parse_schema(text, "sqlite").schema


def needed(sql: str, schema: Schema) -> tuple[set[str], set[str]]:
    """Names of the tables and columns of ``schema`` that the query mentions, in lower case."""
    tree = sqlglot.parse_one(sql, dialect="sqlite")
    tables = {t.name.lower() for t in tree.find_all(exp.Table) if schema.table(t.name)}
    known = {c.name.lower() for t in schema.tables if t.name.lower() in tables for c in t.columns}
    return tables, known & {c.name.lower() for c in tree.find_all(exp.Column)}


def kept(schema: Schema, question: str, sql: str, columns: int) -> tuple[bool, bool]:
    """Whether all tables, and whether all tables and columns, of the answer are still there."""
    tables, names = needed(sql, schema)
    pruned = prune(schema, question, max_tables=MOST_TABLES, max_columns=columns)
    left = [t for t in pruned.tables if t.name.lower() in tables]
    found = {c.name.lower() for t in left for c in t.columns}
    return len(left) == len(tables), len(left) == len(tables) and names <= found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--columns", type=int, nargs="+", default=[40, 80, 160])
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    rows = list(read_rows(options.data))[: options.limit]
    print("| columns kept | schemas over it | tables all kept | and columns | ms a question |")
    print("|---|---|---|---|---|")
    for limit in options.columns:
        tried = all_tables = everything = 0
        began = time.perf_counter()
        for row in rows:
            schema = schema_of(row["schema"])
            if fits(schema, max_tables=MOST_TABLES, max_columns=limit):
                continue
            question = f"{row['question']} {row.get('evidence') or ''}"
            try:
                tables, columns = kept(schema, question, row["sql"], limit)
            except SqlglotError:
                continue
            tried, all_tables, everything = tried + 1, all_tables + tables, everything + columns
        spent = 1000 * (time.perf_counter() - began) / max(tried, 1)
        shares = [f"{100 * n / max(tried, 1):.1f} %" for n in (all_tables, everything)]
        print(f"| {limit} | {tried} | {shares[0]} | {shares[1]} | {spent:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
