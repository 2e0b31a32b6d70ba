"""Python and the packages that Squill stands on."""

from __future__ import annotations

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, NamedTuple

from squill_daemon.doctor.finding import failure, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill_daemon.doctor.finding import Finding

_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^]]*\])?>=([\d.]+)\s*(?:;\s*(.*))?")
_REINSTALL = (
    "Reinstall Squill, in its folder: `uv tool install --reinstall .`, "
    "or `pip install --force-reinstall .`."
)


class Requirement(NamedTuple):
    name: str
    least: str


def check_installation() -> Iterator[Finding]:
    yield ok("python", f"{platform.python_version()} at {sys.executable}, {platform.platform()}")
    found = {requirement.name: _version(requirement.name) for requirement in requirements()}
    for name, least in requirements():
        have = found[name]
        if have is None:
            yield failure(name, "is not installed", _REINSTALL)
        elif numbers(have) < numbers(least):
            yield warning(name, f"{have} is older than {least}, which Squill needs", _REINSTALL)
    versions = ", ".join(f"{name} {have}" for name, have in found.items() if have)
    yield ok("packages", f"squill {version('squill')}, {versions}")


def requirements() -> list[Requirement]:
    """What Squill's own metadata asks for on this system, extras left out."""
    matches = (_REQUIREMENT.match(text) for text in requires("squill") or ())
    return [Requirement(m[1], m[2]) for m in matches if m and _applies(m[3] or "")]


def _applies(marker: str) -> bool:
    platforms = re.findall(r"sys_platform == ['\"](\w+)['\"]", marker)
    return "extra" not in marker and (not platforms or sys.platform in platforms)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version, for comparison."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match.group().split(".")) if match else ()
