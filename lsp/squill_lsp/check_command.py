"""``squill check FILE…``: which statements do not fit the schema."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from squill.ddl import SchemaBuilder, SchemaSource
from squill.dialects import resolve_dialect
from squill.errors import UsageError
from squill.schema_files import read_sql, schema_texts
from squill.settings import load_settings
from squill_lsp.check import check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill.ddl import ParsedSchema
    from squill.settings import WorkspaceSettings

CLEAN, FOUND, USAGE = range(3)


def main(argv: Sequence[str]) -> int:
    """Exit code 0: everything fits; 1: something does not; 2: usage."""
    options = _parser().parse_args(argv)
    try:
        lines = _findings(options)
    except UsageError as error:
        print(f"squill check: {error.message}", file=sys.stderr)
        return USAGE
    for line in lines:
        print(line)
    return FOUND if lines else CLEAN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="squill check",
        description="Print what in SQL files does not parse or does not fit the tables.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="- is standard input")
    parser.add_argument(
        "--schema",
        action="append",
        default=[],
        metavar="FILE",
        help="table definitions; may be given more than once "
        "(default: the files themselves and the .sql files of this folder)",
    )
    parser.add_argument("--dialect", default="", help="SQL dialect (default: found out)")
    return parser


def _findings(options: argparse.Namespace) -> list[str]:
    folder = Path.cwd()
    settings = load_settings(folder, lambda text: print(text, file=sys.stderr))
    texts = {name: read_sql(name) for name in options.files}
    others = _others(options.schema, folder, settings.workspace)
    own = {Path(name).absolute() for name in texts}
    foreign = {n: text for n, text in others.items() if Path(n).absolute() not in own}
    sources = [SchemaSource(name, text) for name, text in (foreign | texts).items()]
    setting = options.dialect or settings.dialect
    builder = SchemaBuilder()
    lines = []
    for name, text in texts.items():
        # A file's own header or definitions say more of its dialect than its neighbours do.
        dialect, origin = resolve_dialect(setting, text)
        parsed = builder.build(sources, setting if origin == "default" else dialect)
        if "guess" in (origin, parsed.dialect_origin):
            note = f"{name}: dialect {parsed.schema.dialect} (a guess; --dialect decides)"
            print(note, file=sys.stderr)
        lines += _lines(name, text, parsed)
    return lines


def _others(named: Sequence[str], folder: Path, settings: WorkspaceSettings) -> dict[str, str]:
    try:
        return schema_texts(named, folder, settings)
    except UsageError:
        if named:
            raise
        return {}  # the checked files may define all that they use


def _lines(name: str, text: str, parsed: ParsedSchema) -> list[str]:
    found = [(p.line, p.message) for p in parsed.problems if p.source == name]
    found += [
        (text.count("\n", 0, finding.start) + 1, finding.message)
        for finding in check_text(text, parsed.schema)
    ]
    return [f"{name}:{line}: {message}" for line, message in sorted(found)]
