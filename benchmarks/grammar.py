"""What the grammar lets a model write, what it costs and what it saves.

    python benchmarks/grammar.py ../shared/data

Prints, for each format: how many gold queries are in the language of their schema's grammar (the
others by reason), the share of their tokens that are forced, each of which saves a forward pass,
and the times to compile and to mask by size of schema.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from squill.ddl import parse_schema
from squill.errors import SchemaError
from squill.paths import EMBEDDED_MODEL
from squill.prompt import format_by_id
from squill.quoting import identifier
from squill.schema import Column, Schema, Table
from squill_daemon.constraint import Constraint, make_compiler
from squill_trainer.pretrain.corpus import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.prompt import PromptFormat
    from squill_daemon.grammar import GrammarCompiler

WIKISQL = 1000
SIZES = ((1, 6), (4, 5), (20, 8), (40, 26), (100, 10), (1000, 20))
QUESTIONS = ("How many of them are there", "Who has the most, and since when exactly")


@dataclass
class Coverage:
    """What became of a file's gold queries."""

    total: int = 0
    tokens: int = 0
    forced: int = 0
    masks: list[float] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)


def in_schema_case(sql: str, schema: Schema) -> str:
    """A gold query as sqlglot writes it, its names spelled as the schema spells them."""
    tree = sqlglot.parse_one(sql, dialect=schema.dialect)
    columns = {c.name.casefold(): c for table in schema.tables for c in table.columns}
    for node in list(tree.find_all(exp.Column)):
        owner = schema.table(node.table) if node.table else None
        column = (owner.column(node.name) if owner else None) or columns.get(node.name.casefold())
        if column:
            node.set("this", identifier(column, schema.dialect))
        if owner:
            node.set("table", identifier(owner, schema.dialect))
    for node in list(tree.find_all(exp.Table)):
        if table := schema.table(node.name):
            node.set("this", identifier(table, schema.dialect))
    return tree.sql(dialect=schema.dialect)


def examples(
    path: Path, prompt_format: PromptFormat, limit: int | None
) -> Iterator[tuple[Schema, str, str | None]]:
    """Schema, question and target; None where the format cannot express the query."""
    for row in itertools.islice(read_rows(path), limit):
        schema = parse_schema(row["schema"], "sqlite").schema
        sql = row["sql"] if prompt_format.dialect else in_schema_case(row["sql"], schema)
        try:
            yield schema, row["question"], prompt_format.target(sql, schema, row["question"])
        except SchemaError:
            yield schema, row["question"], None


def cover(
    path: Path, prompt_format: PromptFormat, compiler: GrammarCompiler, limit: int | None
) -> Coverage:
    found = Coverage()
    for schema, question, target in examples(path, prompt_format, limit):
        found.total += 1
        if target is None:
            found.reasons["the format cannot express it"] += 1
            continue
        constraint = Constraint(compiler, prompt_format.terminals(schema, question), changes=False)
        follow(constraint, compiler.encode(target), target, found)
    return found


def follow(constraint: Constraint, tokens: list[int], target: str, found: Coverage) -> None:
    """Walks along ``tokens``; forced ones that the text spells otherwise count as not forced."""
    position = 0
    while position < len(tokens):
        start = time.perf_counter()
        forced = constraint.forced()
        allowed = constraint.allowed()
        found.masks.append(1e6 * (time.perf_counter() - start))
        if forced and position and tokens[position : position + len(forced)] == forced:
            constraint.take(forced)
            position += len(forced)
            found.forced += len(forced)
            continue
        if not allowed[tokens[position]]:
            found.reasons[f"{target[:60]}…: token {position} of {len(tokens)}"] += 1
            return
        start = time.perf_counter()
        constraint.take([tokens[position]])
        found.masks[-1] += 1e6 * (time.perf_counter() - start)
        position += 1
    found.tokens += len(tokens) + 1
    if not constraint.allowed()[0]:
        found.reasons[f"{target[:60]}…: may not end there"] += 1


def sized_schema(tables: int, columns: int) -> Schema:
    return Schema(
        tuple(
            Table(f"table_{i}", tuple(Column(f"column_{i}_{j}", "TEXT") for j in range(columns)))
            for i in range(tables)
        )
    )


def milliseconds(action: Any) -> float:
    start = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - start)


def print_times(prompt_format: PromptFormat, tokenizer: Any) -> None:
    print(f"\n{prompt_format.id}: ms to the first mask of a schema's first question, and of others")
    print("| tables x columns | terminals | first | others | mask median µs | mask p95 µs |")
    print("|---|---|---|---|---|---|")
    compiler = make_compiler(tokenizer, exact=bool(prompt_format.dialect))
    for tables, columns in SIZES:
        schema = sized_schema(tables, columns)
        terminals = [prompt_format.terminals(schema, question) for question in QUESTIONS]
        naming = milliseconds(lambda s=schema: prompt_format.terminals(s, "another one"))
        begin = [
            milliseconds(lambda t=t: Constraint(compiler, t, changes=False).allowed())
            for t in terminals
        ]
        found = Coverage()
        first, last = schema.tables[0], schema.tables[-1]
        sql = (
            f"SELECT {first.name}.{first.columns[0].name}, COUNT(*) FROM {first.name} JOIN "
            f"{last.name} AS other ON {first.name}.{first.columns[1].name} = "
            f"other.{last.columns[2].name} WHERE {first.name}.{first.columns[3].name} = 'most'"
        )
        fitted = schema
        if prompt_format.dialect and (tables, columns) > (40, 4):
            fitted, sql = sized_schema(1, 6), f"SELECT column_0_0 FROM {first.name}"
        target = prompt_format.target(sql, fitted, QUESTIONS[1])
        for _ in range(5):
            constraint = Constraint(compiler, terminals[1], changes=False)
            follow(constraint, compiler.encode(target), target, found)
        masks = sorted(found.masks)
        print(
            f"| {tables} x {columns} | {naming:.1f} | {begin[0]:.1f} | {begin[1]:.2f} "
            f"| {statistics.median(masks):.1f} | {masks[int(0.95 * len(masks))]:.0f} |"
        )


def general_tokenizer(data: Path) -> Any:
    """Byte-level BPE of 4,096 pieces over Spider's training pairs: what a general model has."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        special_tokens=["</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rows = itertools.islice(read_rows(data / "spider.train.jsonl.gz"), 3000)
    texts = (f"{row['schema']}\n{row['question']}\n {row['sql']}" for row in rows)
    tokenizer.train_from_iterator(texts, trainer)
    return SimpleNamespace(backend_tokenizer=tokenizer, eos_token_ids={0})


def print_coverage(prompt_format: PromptFormat, tokenizer: Any, data: Path) -> None:
    compiler = make_compiler(tokenizer, exact=bool(prompt_format.dialect))
    for name, limit in (("spider.dev", None), ("wikisql.dev", WIKISQL)):
        found = cover(data / f"{name}.jsonl.gz", prompt_format, compiler, limit)
        missing = found.reasons.total()
        share = 100 * (found.total - missing) / found.total
        masks = sorted(found.masks)
        print(
            f"{prompt_format.id} {name}: {found.total - missing} of {found.total} ({share:.1f} %) "
            f"in the language; mask {statistics.median(masks):.1f} µs median, "
            f"{masks[int(0.95 * len(masks))]:.0f} µs p95; {found.forced} of {found.tokens} tokens "
            f"forced ({100 * found.forced / max(found.tokens, 1):.1f} %)"
        )
        for reason, count in found.reasons.most_common(20):
            print(f"    {count} x {reason}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    embedded = SimpleNamespace(
        backend_tokenizer=Tokenizer.from_file(str(EMBEDDED_MODEL / "tokenizer.json")),
        eos_token_ids={0},
    )
    for prompt_format, tokenizer in (
        (format_by_id("slots-2"), embedded),
        (format_by_id("plain-1"), general_tokenizer(options.data)),
    ):
        print_coverage(prompt_format, tokenizer, options.data)
        print_times(prompt_format, tokenizer)
        print()


if __name__ == "__main__":
    main()
