"""The VS Code extension's manifest against what the server knows."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from squill import __version__
from squill.settings import Settings, confined, from_editor, known_settings
from squill_lsp.server import SquillServer

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "editors" / "vscode"


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return dict(json.loads((EXTENSION / "package.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def generator() -> Any:
    spec = importlib.util.spec_from_file_location("vscode_settings", EXTENSION / "settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(manifest: dict[str, Any]) -> set[str]:
    return {command["command"] for command in manifest["contributes"]["commands"]}


def test_the_settings_are_those_of_the_server(manifest: dict[str, Any], generator: Any) -> None:
    written = manifest["contributes"]["configuration"]["properties"]
    assert written == generator.properties(), "run: .venv/bin/python editors/vscode/settings.py"


def test_every_setting_of_the_server_is_offered_or_read_from_files_alone(generator: Any) -> None:
    offered = {name.removeprefix("squill.") for name in generator.properties()}
    missing = [
        name
        for name in known_settings()
        if name not in offered and not name.startswith(generator.FROM_FILES_ALONE)
    ]
    assert missing == []


def test_the_server_takes_every_default_that_the_editor_shows(generator: Any) -> None:
    tree: dict[str, Any] = {}
    for name, schema in generator.properties().items():
        if name not in generator.OWN:
            *branches, leaf = name.removeprefix("squill.").split(".")
            branch = tree
            for key in branches:
                branch = branch.setdefault(key, {})
            branch[leaf] = schema["default"]
    problems: list[str] = []
    assert from_editor(Settings(), tree, problems.append) == Settings()
    assert problems == []


def test_no_command_of_the_extension_has_the_name_of_one_of_the_servers(
    manifest: dict[str, Any],
) -> None:
    from squill_lsp.handlers import register

    server = SquillServer()
    register(server)
    # The language client registers the server's own under their names, which may be taken once.
    assert commands(manifest).isdisjoint(server.protocol.fm.commands)


def test_every_command_that_is_declared_is_registered_and_no_other(
    manifest: dict[str, Any],
) -> None:
    source = (EXTENSION / "src" / "commands" / "index.ts").read_text(encoding="utf-8")
    assert commands(manifest) == set(re.findall(r'"(squill\.\w+)": ', source))


def test_every_command_that_something_refers_to_is_declared(manifest: dict[str, Any]) -> None:
    texts = [json.dumps(manifest["contributes"]["walkthroughs"])]
    texts += [path.read_text(encoding="utf-8") for path in (EXTENSION / "src").rglob("*.ts")]
    # The editor's own ids begin otherwise; the server's are what `execute` and `sendRequest` name.
    named = {
        name
        for text in texts
        for name in re.findall(
            r'(?:command: ?"?|command:|button\(|executeCommand\()"?(squill\.\w+)', text
        )
    }
    assert named - commands(manifest) == set()
    assert len(named) > 10


def test_every_command_is_in_the_readme(manifest: dict[str, Any]) -> None:
    readme = (EXTENSION / "README.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (.*?) \|", readme, re.MULTILINE)
    named = {title.strip() for cell in cells for title in cell.split(", ")}
    titles = {command["title"] for command in manifest["contributes"]["commands"]}
    assert titles - named == set()


def test_extension_and_server_have_one_version(manifest: dict[str, Any]) -> None:
    assert manifest["version"] == __version__


def test_everything_that_the_manifest_names_is_there(manifest: dict[str, Any]) -> None:
    steps = [step for each in manifest["contributes"]["walkthroughs"] for step in each["steps"]]
    files = [manifest["icon"], "LICENSE", *(step["media"]["markdown"] for step in steps)]
    assert [file for file in files if not (EXTENSION / file).is_file()] == []


def test_nothing_of_the_extension_calls_the_network_or_reports_home(
    manifest: dict[str, Any],
) -> None:
    for path in (EXTENSION / "src").rglob("*.ts"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\bfetch\(|node:https?|node:net|telemetry", text), path
    assert set(manifest["dependencies"]) == {"vscode-languageclient"}


def test_an_untrusted_workspace_sets_in_the_editor_what_it_may_in_its_files(
    manifest: dict[str, Any], generator: Any
) -> None:
    def is_harmless(name: str) -> bool:
        data: Any = "x"
        for key in reversed(name.removeprefix("squill.").split(".")):
            data = {key: data}
        return not confined(data)[1]

    restricted = manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
    settings = set(generator.properties()) - set(generator.OWN)
    needing_trust = {name for name in settings if not is_harmless(name)}
    assert needing_trust | {"squill.server.path"} == set(restricted)
