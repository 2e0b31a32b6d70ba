"""``squill check FILE…``: which statements do not fit the schema."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """A problem; ``line`` and ``column`` (characters) count from 1."""

    file: str
    line: int
    column: int
    message: str


def main(argv: Sequence[str]) -> int:
    """Exit code 0: everything fits; 1: something does not; 2: usage."""
    options = _parser().parse_args(argv)
    try:
        found = _findings(options)
    except UsageError as error:
        print(f"squill check: {error.message}", file=sys.stderr)
        return USAGE
    if options.json:
        print(json.dumps({"problems": [asdict(place) for place in found]}, ensure_ascii=False))
        return FOUND if found else CLEAN
    for place in found:
        print(f"{place.file}:{place.line}:{place.column}: {place.message}")
    return FOUND if found else CLEAN


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
    parser.add_argument("--json", action="store_true", help="one JSON object with every problem")
    parser.add_argument("--dialect", default="", help="SQL dialect (default: found out)")
    return parser


def _findings(options: argparse.Namespace) -> list[_Place]:
    folder = Path.cwd()
    settings = load_settings(folder, _say)
    texts = {name: read_sql(name) for name in options.files}
    others = _others(options.schema, folder, settings.workspace)
    own = {Path(name).absolute() for name in texts}
    foreign = {n: text for n, text in others.items() if Path(n).absolute() not in own}
    sources = [SchemaSource(name, text) for name, text in (foreign | texts).items()]
    setting = options.dialect or settings.dialect
    builder = SchemaBuilder()
    found = []
    for name, text in texts.items():
        # A file's own header or definitions say more of its dialect than its neighbours do.
        dialect, origin = resolve_dialect(setting, text)
        parsed = builder.build(sources, setting if origin == "default" else dialect)
        if "guess" in (origin, parsed.dialect_origin):
            note = f"{name}: dialect {parsed.schema.dialect} (a guess; --dialect decides)"
            _say(note)
        found += _places(name, text, parsed)
    return found


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _others(named: Sequence[str], folder: Path, settings: WorkspaceSettings) -> dict[str, str]:
    try:
        return schema_texts(named, folder, settings, _say)
    except UsageError:
        if named:
            raise
        return {}  # the checked files may define all that they use


def _places(name: str, text: str, parsed: ParsedSchema) -> list[_Place]:
    found = [(p.offset, p.message) for p in parsed.problems if p.source == name]
    found += [(finding.start, finding.message) for finding in check_text(text, parsed.schema)]
    return sorted(
        _Place(name, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at), message)
        for at, message in found
    )
