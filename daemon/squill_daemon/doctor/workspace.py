"""What Squill makes of the current folder: settings, table definitions, examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill.errors import UsageError
from squill.paths import config_directory
from squill.schema_files import schema_texts
from squill.settings import load_settings
from squill_daemon.doctor.finding import ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from squill.ddl import ParsedSchema
    from squill_daemon.doctor.finding import Finding

_SHOWN_PROBLEMS = 5
_EXAMPLES = (".sql", ".jsonl")


def check_settings(folder: Path) -> Iterator[Finding]:
    problems: list[str] = []
    load_settings(folder, problems.append)
    for problem in problems:
        yield warning("settings", problem, "Correct it: docs/settings.md has every setting.")
    read = [str(path) for path in _settings_files(folder)]
    yield ok("settings", f"from {', '.join(read)}" if read else "all defaults: there is no file")


def _settings_files(folder: Path) -> Iterator[Path]:
    """Those that say something to Squill."""
    for path in (config_directory() / "squill.toml", folder / "squill.toml"):
        if path.is_file():
            yield path
    project = folder / "pyproject.toml"
    if project.is_file() and "[tool.squill" in project.read_text("utf-8", errors="replace"):
        yield project


def check_schema(folder: Path) -> Iterator[Finding]:
    settings = load_settings(folder, lambda _: None)
    left_out: list[str] = []
    try:
        texts = schema_texts([], folder, settings.workspace, left_out.append)
    except UsageError:
        yield from _left_out(left_out)
        patterns = ", ".join(settings.workspace.schema_files)
        yield ok("schema", f"no table definitions in {folder} ({patterns})")
        return
    from squill.ddl import SchemaBuilder, SchemaSource

    sources = [SchemaSource(name, text) for name, text in texts.items()]
    parsed = SchemaBuilder().build(sources, settings.dialect)
    yield from _left_out(left_out)
    yield from _problems(parsed)
    schema = parsed.schema
    columns = sum(len(table.columns) for table in schema.tables)
    counts = {"file": len(texts), "table": len(schema.tables), "column": columns}
    detail = ", ".join(f"{count} {what}" + "s" * (count != 1) for what, count in counts.items())
    yield _tables(detail, columns)
    yield ok("dialect", f"{schema.dialect}, by {_ORIGINS[parsed.dialect_origin]}")


_ORIGINS = {
    "setting": "the setting `dialect`",
    "header": "a file's header comment",
    "guess": "a guess from the definitions",
    "default": "default: nothing speaks for another",
}


def _left_out(sentences: list[str]) -> Iterator[Finding]:
    for sentence in sentences:
        yield warning("schema", sentence, "Until then its tables aren't known.")


def _tables(detail: str, columns: int) -> Finding:
    if columns:
        return ok("schema", detail)
    remedy = "Write CREATE TABLE statements, or name other files in workspace.schema_files."
    return warning("schema", detail, remedy)


def _problems(parsed: ParsedSchema) -> Iterator[Finding]:
    problems = parsed.problems
    for problem in problems[:_SHOWN_PROBLEMS]:
        remedy = "The statement is left out: correct it, or set `dialect` if it is another's."
        yield warning("schema", str(problem), remedy)
    if (rest := len(problems) - _SHOWN_PROBLEMS) > 0:
        yield warning("schema", f"and {rest} more like these", "`squill check` lists a file's.")


def check_examples(folder: Path) -> Iterator[Finding]:
    place = folder / ".squill" / "examples"
    if not place.is_dir():
        yield ok("examples", f"no {place}")
        return
    count = sum(1 for path in place.rglob("*") if path.suffix in _EXAMPLES)
    yield ok("examples", f"{count} files in {place}")
