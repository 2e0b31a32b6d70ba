"""All settings: one tree of typed, defaulted dataclasses, read from files and from editors alike.

Sources, weakest first: defaults, the user's ``squill.toml`` (`squill.paths.config_directory`),
the workspace's ``squill.toml`` or ``[tool.squill]`` in its ``pyproject.toml``, the editor's
settings, environment (``SQUILL_MODEL``), command-line options. A bad value is reported and its
default kept; it is never fatal.

The files of a workspace that its user doesn't trust set style, dialect and which of the
workspace's own files define tables: the fields marked `HARMLESS`. Others need trust.
"""

from __future__ import annotations

import os
import shlex
import tomllib
import types
import typing
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from squill.dialects import DIALECTS, canonical_dialect
from squill.encoding import decoded
from squill.pairs.files import read_regular
from squill.paths import config_directory
from squill.trust import is_trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    Report = Callable[[str], None]

T = TypeVar("T")

KEYWORD_CASES = ("", "upper", "lower")

HARMLESS = {"harmless": True}
"""Metadata of a setting that an untrusted workspace's files may set, too."""

_MOST_BYTES = 1_000_000
"""A larger file isn't one of settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """How long and how much the model may write."""

    budget_ms: int = 5000
    """Time for one request, from its arrival at the daemon, in milliseconds."""
    max_tokens: int = 256
    """Longest answer, in tokens."""
    constrained: bool = True
    """Whether the model can write only SQL over the schema's names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceSettings:
    """Which files of a workspace define tables."""

    schema_files: tuple[str, ...] = field(default=("**/*.sql", "**/*.ddl"), metadata=HARMLESS)
    """Globs, relative to the workspace folder, which they can't leave."""
    exclude: tuple[str, ...] = field(
        default=("**/.*/**", "**/node_modules/**", "**/venv/**"), metadata=HARMLESS
    )
    """Globs of files never read."""
    max_file_bytes: int = 2_000_000
    """A larger file (a data dump, say) is not read for tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonSettings:
    """The model's process."""

    autostart: bool = True
    """Whether a language server or ``squill ask`` starts the daemon when none runs."""
    log_bytes: int = 5_000_000
    """Size at which the log file is rotated; three old files are kept."""
    queue_limit: int = 64
    """Requests that may wait for the model before new ones are answered "busy"."""
    idle_minutes: int = 30
    """Without a question for so long, the model's memory is given back; 0 for never."""
    cache_bytes: int = 0
    """Most memory for prompts read before; 0 for a budget in proportion to the model."""
    keep_prompt: bool = True
    """Whether what the model has read of the last schema is kept on disk for the next start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningSettings:
    """What Squill learns from."""

    example_folders: tuple[str, ...] = (".squill/examples",)
    """Folders of example pairs (``.sql``, ``.jsonl``), relative to the workspace or absolute."""
    max_file_bytes: int = 100_000_000
    """A larger file of examples is set aside whole."""
    keep_accepted: bool = True
    """Whether accepted suggestions become pairs when their file is saved, as they stand then."""
    automatic: bool = True
    """Whether pairs are learned in the background while an editor has the workspace open."""
    quiet_seconds: int = 10
    """How long the pairs must stay as they are before a training in the background begins."""
    poll_seconds: int = 0
    """Seconds between two looks at the example folders; 0 to be told by the file system."""
    most_steps: int = 0
    """Most steps of one training; 0 for the recipe's own number."""
    on_battery: bool = False
    """Whether a training in the background goes on while the machine runs on its battery."""
    most_load: int = 200
    """Above this load average, in percent of the cores, a training in the background waits; 0 for
    never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole tree."""

    model: str = ""
    """Path or hub id of an mlx-lm model; empty means the embedded model."""
    dialect: str = field(default="", metadata=HARMLESS)
    """SQL dialect of every file; empty means header comment, then a guess from the DDL."""
    keyword_case: str = field(default="", metadata=HARMLESS)
    """``upper`` or ``lower`` for the keywords of what is inserted; empty means as in the file."""
    generation: GenerationSettings = field(default_factory=GenerationSettings)
    workspace: WorkspaceSettings = field(default_factory=WorkspaceSettings)
    daemon: DaemonSettings = field(default_factory=DaemonSettings)
    learning: LearningSettings = field(default_factory=LearningSettings)


def load_settings(folder: Path | None, report: Report, *, trusted: bool | None = None) -> Settings:
    """Settings of the user, then of the workspace ``folder``, then of the environment.

    ``trusted``: whether the workspace's files may set everything; None asks the user's list
    (`squill.trust`). ``report`` receives one sentence for each thing that could not be used, and
    one for the settings of a file that need trust.
    """
    own = config_directory() / "squill.toml"
    settings = merge(Settings(), _read_toml(own, report), report, source=str(own))
    for path, data in _workspace_tables(folder, report):
        kept, needing = confined(data)
        if needing and not (is_trusted(str(folder)) if trusted is None else trusted):
            report(f"{path}: {left_out(needing, str(folder))}")
            data = kept
        settings = merge(settings, data, report, source=str(path))
    if model := os.environ.get("SQUILL_MODEL"):
        settings = replace(settings, model=model)
    return settings


def restricted_settings(folder: Path) -> tuple[str, ...]:
    """Dotted names of what the files of ``folder`` set and only a trusted folder may."""
    tables = _workspace_tables(folder, lambda _: None)
    return tuple(dict.fromkeys(name for _, data in tables for name in confined(data)[1]))


def left_out(names: Iterable[str], folder: str) -> str:
    """The sentence for settings that aren't used, because ``folder`` isn't trusted."""
    named = ", ".join(f"`{name}`" for name in names)
    return (
        f"{named} left out, because this folder isn't trusted. If you know who wrote it, "
        f"run `squill trust add {shlex.quote(folder)}`."
    )


def confined(data: Any, tree: Any = Settings, prefix: str = "") -> tuple[Any, list[str]]:
    """``data`` without the settings that need trust, and their dotted names."""
    if not isinstance(data, dict):
        return data, []
    hints = typing.get_type_hints(tree)
    harmless = {item.name for item in fields(tree) if item.metadata == HARMLESS}
    kept: dict[Any, Any] = {}
    needing: list[str] = []
    for key, value in data.items():
        name = _field_name(key)
        if is_dataclass(hints.get(name)):
            kept[key], below = confined(value, hints[name], f"{name}.")
            needing += below
        elif name in hints and name not in harmless:
            needing.append(prefix + name)
        else:
            kept[key] = value
    return kept, needing


def _workspace_tables(folder: Path | None, report: Report) -> Iterable[tuple[Path, Any]]:
    """The settings in each of the workspace's files."""
    if folder is None:
        return
    pyproject = folder / "pyproject.toml"
    tools = _read_toml(pyproject, report).get("tool", {})
    yield pyproject, tools.get("squill", {}) if isinstance(tools, dict) else {}
    yield folder / "squill.toml", _read_toml(folder / "squill.toml", report)


def _read_toml(path: Path, report: Report) -> dict[str, Any]:
    try:
        return tomllib.loads(decoded(read_regular(path, _MOST_BYTES)[0]))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        report(f"{path}: cannot be read ({error}); its settings are left out. Correct the file.")
        return {}


def _field_name(key: object) -> str:
    return str(key).replace("-", "_")


def merge(base: T, data: object, report: Report, *, source: str) -> T:
    """``base`` (a settings dataclass) with the values of ``data`` laid over it.

    Unknown keys and values of the wrong type are reported and left out.
    """
    if not isinstance(data, dict):
        report(f"{source}: expected a table of settings, got {data!r}; it is left out.")
        return base
    changes: dict[str, Any] = {}
    hints = typing.get_type_hints(type(base))
    for key, value in data.items():
        name = _field_name(key)
        where = f"{source}: {key}"
        if name not in hints:
            report(f"{where} is not a setting of Squill; known here: {', '.join(hints)}.")
        elif is_dataclass(hints[name]):
            changes[name] = merge(getattr(base, name), value, report, source=where)
        elif (converted := _convert(value, hints[name])) is None or _is_unknown(name, converted):
            expected = _choices(name) or _describe(hints[name])
            report(f"{where} must be {expected}, not {value!r}; {getattr(base, name)!r} is used.")
        else:
            changes[name] = converted
    return typing.cast("T", replace(typing.cast("Any", base), **changes))


def _convert(value: object, hint: Any) -> Any:
    """The value as ``hint`` wants it, or None where it does not fit."""
    if typing.get_origin(hint) is tuple:
        if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
            return tuple(value)
        return None
    if isinstance(value, bool) is not (hint is bool):
        return None
    if hint is int and isinstance(value, int) and value < 0:
        return None
    return value if isinstance(value, hint) else None


def _is_unknown(name: str, value: object) -> bool:
    if name == "dialect":
        return value != "" and canonical_dialect(str(value)) is None
    return name == "keyword_case" and value not in KEYWORD_CASES


def _choices(name: str) -> str:
    """The values of a setting that has only some, in words; empty for the others."""
    known = {"dialect": tuple(DIALECTS), "keyword_case": KEYWORD_CASES}.get(name, ())
    return f"one of {', '.join(repr(value) for value in known)}" if known else ""


def _describe(hint: Any) -> str:
    if isinstance(hint, types.GenericAlias):
        return "a list of texts"
    return {int: "a whole number, 0 or more", str: "text", bool: "true or false"}[hint]


def known_settings(tree: Any = Settings, prefix: str = "") -> list[str]:
    """Dotted names of all settings, for documentation checks."""
    hints = typing.get_type_hints(tree)
    names: list[str] = []
    for item in fields(tree):
        hint = hints[item.name]
        dotted = prefix + item.name
        names += known_settings(hint, dotted + ".") if is_dataclass(hint) else [dotted]
    return names


def from_editor(base: Settings, data: Mapping[str, Any] | None, report: Report) -> Settings:
    """``base`` with an editor's settings over it (the ``squill`` section of its configuration)."""
    return merge(base, dict(data), report, source="editor settings") if data else base
