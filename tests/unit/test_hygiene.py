"""The walls between the parts, proven in fresh interpreters; documents that stay true."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HEAVY = ("mlx", "mlx_lm", "pygls", "watchdog", "torch", "transformers", "numpy")

LIST_MODULES = "import json, sys; print(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after ``code``."""
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LIST_MODULES}"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return set(json.loads(run.stdout.splitlines()[-1]))


def modules_of(package: Path) -> list[str]:
    names = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        if parts[-1] != "__main__":
            names.append(".".join(parts).removesuffix(".__init__"))
    return names


def test_the_core_loads_no_process_and_no_heavy_library() -> None:
    code = "\n".join(f"import {name}" for name in modules_of(ROOT / "core" / "squill"))
    loaded = loaded_after(code)
    assert loaded.isdisjoint({*HEAVY, "squill_daemon", "squill_lsp", "squill_trainer"})


def test_the_language_server_never_reaches_mlx_and_its_kin() -> None:
    code = "\n".join(f"import {name}" for name in modules_of(ROOT / "lsp" / "squill_lsp"))
    loaded = loaded_after(code)
    assert "pygls" in loaded
    assert loaded.isdisjoint({"mlx", "mlx_lm", "watchdog", "torch", "transformers", "numpy"})
    assert loaded.isdisjoint({"squill_daemon", "squill_trainer"})


def test_terminal_and_notebook_load_no_process() -> None:
    packages = ("terminal/squill_terminal", "ipython/squill_ipython")
    modules = [name for package in packages for name in modules_of(ROOT / "editors" / package)]
    loaded = loaded_after("\n".join(f"import {name}" for name in modules))
    assert loaded.isdisjoint({"mlx", "mlx_lm", "pygls", "watchdog", "torch", "transformers"})
    assert loaded.isdisjoint({"squill_daemon", "squill_lsp", "squill_trainer"})


@pytest.mark.parametrize("command", ["ask", "daemon", "lsp", "repl"])
def test_the_help_of_a_command_loads_nothing_heavy(command: str) -> None:
    code = (
        "import contextlib, io\n"
        "from squill.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    main([{command!r}, '--help'])"
    )
    assert loaded_after(code).isdisjoint({"mlx", "mlx_lm", "torch", "transformers", "watchdog"})


def test_the_dispatcher_loads_no_process_for_its_own_help() -> None:
    code = (
        "import contextlib, io\n"
        "from squill.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    main(['--help'])"
    )
    loaded = loaded_after(code)
    assert loaded.isdisjoint({*HEAVY, "squill_daemon", "squill_lsp", "squill_trainer"})


def paths_named_in(document: Path) -> set[str]:
    """Back-quoted words with a slash that are written as paths of the repository."""
    words = re.findall(r"`([\w./*-]+/[\w./*-]*)`", document.read_text(encoding="utf-8"))
    tops = {path.name for path in ROOT.iterdir()}
    return {word for word in words if word.split("/")[0] in tops}


def test_every_path_in_the_architecture_exists() -> None:
    named = paths_named_in(ROOT / "ARCHITECTURE.md")
    assert len(named) > 15
    assert [path for path in sorted(named) if not list(ROOT.glob(path.rstrip("/")))] == []


def test_every_package_of_the_repository_is_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for package in (
        "core/squill",
        "daemon/squill_daemon",
        "lsp/squill_lsp",
        "trainer/squill_trainer",
        "editors/terminal/squill_terminal",
        "editors/ipython/squill_ipython",
    ):
        assert package in text


def test_every_command_is_in_the_readme() -> None:
    from squill.cli import SUMMARIES, commands

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(SUMMARIES) == set(commands())
    assert [name for name in commands() if f"squill {name}" not in readme] == []


def test_every_make_target_that_documents_name_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for document in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        path = ROOT / document
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for target in re.findall(r"`make (\w+)`", text):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), (document, target)


def test_every_test_that_the_security_page_names_exists() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert named
    for file, test in named:
        path = ROOT / file
        code = path.read_text(encoding="utf-8") if path.exists() else ""
        assert re.search(rf"^(async )?def {test}\(", code, re.MULTILINE), f"{file}::{test}"


def test_every_promise_of_the_security_page_names_a_test() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| promise \| test \|\n\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()]
    assert rows
    assert [row for row in rows if "::test_" not in row] == []
