"""``squill eval``: how often a model is right, on questions with known answers."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.errors import SquillError, UsageError
from squill.files import replace_file
from squill.terminal_text import for_drawing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from squill_trainer.evaluation.predictions import Run
    from squill_trainer.evaluation.verdicts import Verdict

DONE, _, USAGE, TROUBLE = range(4)

PREDICTIONS, FIGURES, PAGE = "predictions.jsonl", "figures.json", "index.html"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: measured; 2: usage; 3: daemon or model trouble."""
    options = _parser().parse_args(argv)
    try:
        _evaluate(options)
    except SquillError as error:
        print(f"squill eval: {error.message}", file=for_drawing(sys.stderr))
        return USAGE if isinstance(error, UsageError) else TROUBLE
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="squill eval",
        description="Ask a model questions with known answers, and say how often it is right.",
    )
    parser.add_argument(
        "data",
        type=Path,
        metavar="DATA",
        help="JSON Lines, gzipped or not: id, db_id, schema, question, sql",
    )
    parser.add_argument(
        "--db",
        type=Path,
        metavar="PATH",
        help="a SQLite file with all tables, or a folder of DB_ID.sqlite or DB_ID/DB_ID.sqlite",
    )
    parser.add_argument(
        "--model",
        default="",
        help="path or hub id of an mlx-lm model, or `embedded` (default: the model setting)",
    )
    parser.add_argument("--adapter", metavar="DIGEST", help="of what was learned (default: none)")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N questions only")
    parser.add_argument(
        "--without-grammar",
        action="store_true",
        help="let the model write freely; answers that do not bind are left out all the same",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object with all figures")
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help=f"write {PAGE}, {FIGURES} and {PREDICTIONS}"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the predictions in the report's folder"
    )
    return parser


def _evaluate(options: argparse.Namespace) -> None:
    from squill_trainer.evaluation.figures import figures

    run, verdicts = _verdicts(options)
    found = figures(run, verdicts)
    if options.report is not None:
        _write_report(options, found, verdicts)
    print(json.dumps(found, indent=2) if options.json else describe(found))


def _verdicts(options: argparse.Namespace) -> tuple[Run, list[Verdict]]:
    from squill_trainer.evaluation.questions import read_questions
    from squill_trainer.evaluation.run import Evaluation

    if options.limit is not None and options.limit < 1:
        raise UsageError("--limit must be 1 or more.")
    if options.resume and options.report is None:
        raise UsageError("--resume needs --report: the predictions are kept in its folder.")
    questions = read_questions(options.data, options.limit)
    evaluation = Evaluation(
        questions=questions,
        database=options.db,
        model=_model(options.model),
        adapter=_adapter(options.adapter),
        constrained=not options.without_grammar,
        predictions=_prepared(options.report),
        resume=options.resume,
    )
    with _ProgressBar(len(questions)) as bar:
        return asyncio.run(evaluation.run(bar.add))


def _model(asked: str) -> str:
    from squill.model_files import EMBEDDED_NAME, canonical_model
    from squill.settings import load_settings

    if asked == EMBEDDED_NAME:
        return ""
    folder = Path.cwd()
    return canonical_model(asked or load_settings(folder, _say).model, folder)


def _say(text: str) -> None:
    print(f"squill eval: {text}", file=sys.stderr)


def _adapter(asked: str | None) -> str | None:
    from squill.adapters import user_registry

    return user_registry().card(asked).digest if asked else None


def _prepared(folder: Path | None) -> Path | None:
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made ({error.strerror}).") from error
    return folder / PREDICTIONS


class _ProgressBar:
    """On standard error, with how often the model was right so far."""

    def __init__(self, total: int) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, unit=" questions", disable=None, file=sys.stderr)
        self._judged = self._right = 0

    def add(self, verdict: Verdict) -> None:
        self._judged += 1
        self._right += verdict.right
        self._bar.set_postfix_str(f"{self._right / self._judged:.0%} right", refresh=False)
        self._bar.update()

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def _write_report(
    options: argparse.Namespace, found: Mapping[str, Any], verdicts: Sequence[Verdict]
) -> None:
    from squill_trainer.evaluation.report import page

    folder: Path = options.report
    title = f"{found['run']['model']} on {options.data.name}"
    for name, text in (
        (FIGURES, json.dumps(found, indent=2) + "\n"),
        (PAGE, page(title, found, verdicts)),
    ):
        replace_file(folder / name, text.encode())
    _say(f"the report is {folder / PAGE}")


def describe(found: Mapping[str, Any]) -> str:
    """The figures for a person: a table by class of SQL, then times, errors, what was left out."""
    from squill_trainer.evaluation.report import SHARES, percent

    columns = {"all": found["overall"], **found["classes"]}
    lines = [_cells("", columns)]
    lines.append(_cells("questions", [str(part["questions"]) for part in columns.values()]))
    for key, label in SHARES.items():
        lines.append(_cells(label, [percent(part[key]) for part in columns.values()]))
    return "\n".join([*lines, "", *_remarks(found)])


def _cells(label: str, cells: Sequence[str] | Mapping[str, Any]) -> str:
    return f"{label:<14}" + "".join(f"{cell:>14}" for cell in cells)


def _remarks(found: Mapping[str, Any]) -> list[str]:
    lines = []
    if times := found["milliseconds"]:
        lines.append(f"time          p50 {times['p50']:.0f} ms, p95 {times['p95']:.0f} ms")
    if tokens := found["tokens"]:
        lines.append(
            f"tokens        {tokens['prompt']:.0f} read, {tokens['generated']:.0f} written"
        )
    for name, text in (("shown_unbound", "do not bind"), ("shown_failing", "fail to run")):
        lines.append(f"shown         {found['overall'][name]} {text}")
    lines += [f"left out      {count}: {reason}" for reason, count in found["left_out"].items()]
    if found["errors"]:
        lines.append("wrong answers (a kind of error; how many have it; how many have no other)")
    errors = sorted(found["errors"].items(), key=lambda item: -item[1]["any"])
    lines += [f"  {kind:<24}{n['any']:>6}{n['alone']:>6}" for kind, n in errors]
    return lines
