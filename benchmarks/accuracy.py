"""Accuracy of a model on questions with known answers, with the grammar and without, side by side.

    python benchmarks/accuracy.py ../shared/data/wikisql.dev.jsonl.gz \
        --database ../shared/data/wikisql.dev.sqlite --limit 500

`--database` is one SQLite file, or a folder of `<db_id>.sqlite`. Prints a table; `--json FILE`
keeps every prediction.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.binding import bind
from squill.ddl import parse_schema
from squill.settings import Settings
from squill_daemon.answerer import Answerer, make_answerer
from squill_daemon.engine import run_alone
from squill_daemon.requests import GenerateRequest
from squill_trainer.evaluation import Database, canonical, compare, without_case
from squill_trainer.pretrain.corpus import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.schema import Schema
    from squill_daemon.engine import Answer


@dataclass(frozen=True, slots=True)
class Verdict:
    """One question's prediction. ``executed`` is None where there is no database to ask."""

    id: str
    question: str
    gold: str
    sql: str | None
    refused: str | None
    binds: bool
    exact: bool
    executed: bool | None
    error: str
    milliseconds: float


def answer(answerer: Answerer, schema: Schema, question: str) -> Answer:
    job = answerer.generate(GenerateRequest(schema, question), time.monotonic())
    return run_alone(answerer, job)


class Databases:
    """Opens each database once; one that is missing or has no rows to compare is None."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._open: dict[Path, Database] = {}

    def get(self, name: str) -> Database | None:
        if self._path is None:
            return None
        path = self._path / f"{name}.sqlite" if self._path.is_dir() else self._path
        if not path.exists() or name in NO_ROWS:
            return None
        if path not in self._open:
            self._open[path] = Database(path)
        return self._open[path]


NO_ROWS = frozenset({"wta_1"})


def judge(row: dict[str, Any], schema: Schema, found: Answer, database: Database | None) -> Verdict:
    sql = found.candidates[0].sql if found.candidates else None
    executed, error = None, ""
    if database is not None:
        outcome = database.run(without_case(sql)) if sql else None
        gold = database.run(without_case(row["sql"]))
        executed = outcome is not None and compare(outcome, gold, row["sql"])
        error = outcome.error if outcome else ""
    form = canonical(sql, schema) if sql else None
    return Verdict(
        id=row["id"],
        question=row["question"],
        gold=row["sql"],
        sql=sql,
        refused=found.refused,
        binds=sql is not None and bind(sql, schema).valid,
        exact=form is not None and form == canonical(row["sql"], schema),
        executed=executed,
        error=error,
        milliseconds=found.milliseconds.total,
    )


def predict(
    rows: list[dict[str, Any]], databases: Databases, answerer: Answerer
) -> Iterator[Verdict]:
    for number, row in enumerate(rows, start=1):
        schema = parse_schema(row["schema"], "sqlite").schema
        found = answer(answerer, schema, row["question"])
        yield judge(row, schema, found, databases.get(row["db_id"]))
        if number % 100 == 0:
            print(f"{number}/{len(rows)}", file=sys.stderr, flush=True)


def run(rows: list[dict[str, Any]], database: Path | None, settings: Settings) -> list[Verdict]:
    """All verdicts of one mode. Loads and releases the model: one thread from end to end."""
    answerer = make_answerer(settings)
    answerer.load()
    try:
        return list(predict(rows, Databases(database), answerer))
    finally:
        answerer.close()


def summary(verdicts: list[Verdict]) -> dict[str, str]:
    count = len(verdicts)
    shown = [v for v in verdicts if v.sql is not None]
    compared = [v for v in verdicts if v.executed is not None]
    times = sorted(v.milliseconds for v in verdicts)

    def share(part: int, whole: int) -> str:
        return f"{100 * part / whole:.1f} %" if whole else "-"

    return {
        "questions": str(count),
        "answered": share(len(shown), count),
        "shown but not binding": str(sum(not v.binds for v in shown)),
        "shown but failing to run": str(sum(bool(v.error) for v in shown)),
        "exact match": share(sum(v.exact for v in verdicts), count),
        "execution": share(sum(bool(v.executed) for v in compared), len(compared)),
        "median ms": f"{statistics.median(times):.0f}",
        "p95 ms": f"{times[int(0.95 * (count - 1))]:.0f}",
        "total s": f"{sum(times) / 1000:.0f}",
    }


def print_table(columns: dict[str, dict[str, str]]) -> None:
    names = list(columns)
    print("| |" + "".join(f" {name} |" for name in names))
    print("|---|" + "---|" * len(names))
    for key in columns[names[0]]:
        print(f"| {key} |" + "".join(f" {columns[name][key]} |" for name in names))


def settings_of(options: argparse.Namespace, *, constrained: bool) -> Settings:
    settings = Settings(model=options.model)
    generation = replace(settings.generation, constrained=constrained, budget_ms=60_000)
    return replace(settings, generation=generation)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--database", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--model", default="")
    parser.add_argument("--only", choices=["constrained", "free"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = list(read_rows(options.data))[: options.limit]
    modes = [options.only] if options.only else ["free", "constrained"]
    verdicts = {}
    for mode in modes:
        # A model belongs to the thread that loads it, and the thread ends with it.
        with ThreadPoolExecutor(max_workers=1) as model_thread:
            settings = settings_of(options, constrained=mode == "constrained")
            verdicts[mode] = model_thread.submit(run, rows, options.database, settings).result()
    print_table({mode: summary(found) for mode, found in verdicts.items()})
    if options.json:
        content = {mode: [asdict(v) for v in found] for mode, found in verdicts.items()}
        options.json.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
