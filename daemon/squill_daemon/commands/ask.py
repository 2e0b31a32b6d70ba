"""``squill ask "question"``: SQL on standard output, everything else on standard error."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.client import connect_or_start
from squill.errors import (
    DaemonUnavailableError,
    InvalidParamsError,
    OtherModelError,
    SchemaError,
    SquillError,
    UsageError,
)
from squill.model_choice import ModelChoice, model_choice
from squill.model_files import canonical_model, model_folder
from squill.paths import runtime_paths
from squill.schema_files import schema_texts
from squill.trust_prompt import add_trust_option, command_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from squill.client import DaemonClient
    from squill.settings import Settings

MOST_CANDIDATES = 16  # the daemon's own limit
ANSWERED, NO_VALID_ANSWER, USAGE, TROUBLE = range(4)

_LONG_LINE = 80
_NO_ADAPTER = "none"
_COPIED = (
    *("dialect", "dialect_origin", "model", "adapter", "adapter_problem", "device"),
    *("milliseconds", "tokens", "candidates", "refused", "shown_tables"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: answered; 1: no valid answer; 2: usage; 3: daemon or model trouble."""
    options = _parser().parse_intermixed_args(argv)
    try:
        answer, names = _answer(options)
    except (UsageError, SchemaError, InvalidParamsError) as error:
        _say(f"squill ask: {error.message}")
        return USAGE
    except SquillError as error:
        _say(f"squill ask: {error.message}")
        return TROUBLE
    _show(answer, names, as_json=options.json)
    return ANSWERED if answer["candidates"] else NO_VALID_ANSWER


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="squill ask", description="Write one SQL query that answers a question."
    )
    parser.add_argument(
        "question",
        nargs="+",
        help="what to ask, in plain language; - reads it from standard input. Quotes are needed "
        "where it has an apostrophe or another sign that the shell takes for its own",
    )
    parser.add_argument(
        "--schema",
        action="append",
        default=[],
        metavar="FILE",
        help="table definitions, - for standard input; may be given more than once "
        "(default: the .sql files of this folder that the settings name)",
    )
    parser.add_argument("--dialect", default="", help="SQL dialect (default: found out)")
    parser.add_argument(
        "--candidates",
        type=_candidate_count,
        default=1,
        metavar="N",
        help=f"different queries, {MOST_CANDIDATES} at most",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--model", default="", help="path or hub id of an mlx-lm model")
    parser.add_argument(
        "--adapter",
        metavar="DIGEST|DIR",
        help="answer with this adapter: the first digits of its digest, or a folder that mlx-lm or "
        "`squill train` wrote; 'none' for the model alone (default: the one in use)",
    )
    parser.add_argument("--no-daemon", action="store_true", help="load the model in this process")
    add_trust_option(parser)
    return parser


def _candidate_count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_CANDIDATES:
        raise argparse.ArgumentTypeError(
            f"{text} is no number of queries. Name one from 1 to {MOST_CANDIDATES}."
        )
    return int(text)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _answer(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """The answer as it travels, and the names of the schema's texts."""
    folder = Path.cwd()
    settings = command_settings(folder, _say, granted=options.trust)
    choice = model_choice(settings, folder)
    if options.model:
        choice = ModelChoice(canonical_model(options.model, folder))
    settings = replace(settings, model=choice.name)
    question = _question(options)
    texts = schema_texts(options.schema, folder, settings.workspace, _say)
    params = {
        "schema": list(texts.values()),
        "question": question,
        "dialect": options.dialect or settings.dialect,
        "n": options.candidates,
        "budget_ms": settings.generation.budget_ms,
        "workspace": str(folder),
        "model": choice.name,
    }
    if options.adapter is not None:
        params["adapter"] = _adapter(options.adapter, settings)
    try:
        if options.no_daemon:
            answer = _answer_here(params, settings)
        else:
            answer = asyncio.run(_ask_daemon(params, settings, choice))
    except OtherModelError as error:
        raise OtherModelError(f"{error.message} Or ask with --no-daemon.") from error
    except SchemaError as error:
        raise SchemaError(_located(error, texts, params["dialect"])) from error
    return answer, list(texts)


def _located(error: SchemaError, texts: Mapping[str, str], dialect: str) -> str:
    """The message with what is wrong in which line of which file; else which files were read."""
    from squill.ddl import SchemaBuilder, SchemaSource

    sources = [SchemaSource(name, text) for name, text in texts.items()]
    problems = SchemaBuilder().build(sources, dialect).problems
    if not problems:
        return f"{error.message} Read: {', '.join(texts)}."
    return "\n".join(("No table definition could be read.", *map(str, problems)))


def _question(options: argparse.Namespace) -> str:
    """The words of the command line as one text; ``-`` alone is standard input."""
    question = " ".join(options.question)
    if question == "-":
        if "-" in options.schema:
            raise UsageError("Standard input can be the question or the schema, not both.")
        question = sys.stdin.read().strip()
    if not question.strip():
        raise UsageError("The question is empty. Say what you want to know.")
    return question


def _adapter(named: str, settings: Settings) -> str:
    """The digest of the adapter that is meant; "" for none. A folder is published first.

    Raises:
        AdapterError: there is no such adapter.
    """
    if named == _NO_ADAPTER:
        return ""
    from squill.adapters import user_registry

    path = Path(named).expanduser()
    if os.sep not in named and not path.is_dir():
        return user_registry().card(named).digest
    if not path.is_dir():
        raise UsageError(f"There is no folder {path}. Name an adapter's folder or its digest.")
    from squill.adapters.foreign import adopt

    return adopt(user_registry(), path, model_folder(settings.model)).digest


async def _ask_daemon(
    params: Mapping[str, Any], settings: Settings, choice: ModelChoice
) -> dict[str, Any]:
    """Ask the daemon, and where it ends in mid-request the next one, once."""
    async with await _connected(settings, choice) as client:
        try:
            return await _ask_connected(client, params)
        except DaemonUnavailableError as error:
            if not await client.has_left(error):
                raise
    async with await _connected(settings, choice) as client:
        return await _ask_connected(client, params)


async def _connected(settings: Settings, choice: ModelChoice) -> DaemonClient:
    return await connect_or_start(
        start=settings.daemon.autostart, options=choice.options, name="squill ask"
    )


async def _ask_connected(client: DaemonClient, params: Mapping[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = await client.call("generate", params)
    return answer


def _answer_here(params: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    from squill_daemon.answerer import make_answerer
    from squill_daemon.engine import run_alone
    from squill_daemon.process import use_private_temporary
    from squill_daemon.requests import generate_request

    request = generate_request(params)
    use_private_temporary(runtime_paths())
    answerer = make_answerer(settings)
    try:
        answerer.load()
        return run_alone(answerer, answerer.generate(request, time.monotonic())).to_wire()
    finally:
        answerer.close()


def _show(answer: Mapping[str, Any], names: Sequence[str], *, as_json: bool) -> None:
    for problem in answer.get("problems", ()):
        _say(f"{names[problem['source']]}:{problem['line']}: {problem['message']}")
    if answer["dialect_origin"] == "guess":
        _say(f"dialect: {answer['dialect']} (a guess; --dialect decides)")
    if problem := answer.get("adapter_problem"):
        _say(f"What was learned here isn't used. {problem}")
    if not answer["candidates"]:
        _say(f"squill ask: no valid query. {answer['refused']}")
    if as_json:
        print(json.dumps(_as_json(answer), ensure_ascii=False))
        return
    for candidate in answer["candidates"]:
        print(_layout(candidate["sql"], answer["dialect"]) + ";")


def _as_json(answer: Mapping[str, Any]) -> dict[str, Any]:
    best = answer["candidates"][0] if answer["candidates"] else None
    return {
        "sql": best["sql"] if best else None,
        "valid": best is not None,
        "tables": list(best["tables"]) if best else [],
    } | {name: answer.get(name) for name in _COPIED}


def _layout(sql: str, dialect: str) -> str:
    """A long query over several lines."""
    if len(sql) <= _LONG_LINE or "\n" in sql:
        return sql
    import sqlglot

    try:
        return sqlglot.transpile(sql, read=dialect, write=dialect, pretty=True)[0]
    except sqlglot.errors.SqlglotError:
        return sql
