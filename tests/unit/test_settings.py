"""Settings: precedence, and that a bad value is reported and defaulted, never fatal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from squill.settings import (
    Settings,
    confined,
    from_editor,
    known_settings,
    load_settings,
    restricted_settings,
)
from squill.trust import trust


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").mkdir()
    monkeypatch.setenv("SQUILL_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("SQUILL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("SQUILL_MODEL", raising=False)
    monkeypatch.delenv("SQUILL_TRUST", raising=False)


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    reports: list[str] = []
    assert load_settings(tmp_path, reports.append) == Settings()
    assert reports == []


def test_the_workspace_stands_over_the_user_and_the_environment_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config" / "squill.toml").write_text('model = "user"\ndialect = "mysql"\n')
    (tmp_path / "pyproject.toml").write_text('[tool.squill]\ndialect = "postgres"\n')
    (tmp_path / "squill.toml").write_text("[generation]\nbudget-ms = 900\n")
    trust(tmp_path)
    settings = load_settings(tmp_path, pytest.fail)
    assert (settings.model, settings.dialect) == ("user", "postgres")
    assert settings.generation.budget_ms == 900
    monkeypatch.setenv("SQUILL_MODEL", "environment")
    assert load_settings(tmp_path, pytest.fail).model == "environment"


def test_another_tool_section_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\nline-length = 80\n")
    assert load_settings(tmp_path, pytest.fail) == Settings()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"modell": "x"}, "modell"),
        ({"model": 3}, "model"),
        ({"dialect": "klingon"}, "dialect"),
        ({"keyword_case": "Title"}, "keyword_case"),
        ({"generation": {"budget_ms": "fast"}}, "budget_ms"),
        ({"generation": {"budget_ms": True}}, "budget_ms"),
        ({"generation": {"budget_ms": -1}}, "budget_ms"),
        ({"generation": 5}, "generation"),
        ({"workspace": {"schema_files": ["a", 1]}}, "schema_files"),
        ({"daemon": {"autostart": "yes"}}, "autostart"),
    ],
)
def test_a_bad_value_is_reported_and_defaulted(data: dict[str, object], named: str) -> None:
    reports: list[str] = []
    assert from_editor(Settings(), data, reports.append) == Settings()
    assert len(reports) == 1
    assert named in reports[0]


def test_a_bad_value_does_not_lose_the_good_ones_beside_it() -> None:
    reports: list[str] = []
    data = {"dialect": 7, "model": "m", "workspace": {"schema_files": ["ddl/*.sql"]}}
    settings = from_editor(Settings(), data, reports.append)
    assert settings.model == "m"
    assert settings.workspace.schema_files == ("ddl/*.sql",)
    assert len(reports) == 1


def test_an_unreadable_file_is_reported_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "squill.toml").write_text("model = \n")
    reports: list[str] = []
    assert load_settings(tmp_path, reports.append) == Settings()
    assert str(tmp_path / "squill.toml") in reports[0]


def test_every_setting_is_documented() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    missing = [name for name in known_settings() if f"`{name}`" not in documented]
    assert missing == []


HARMLESS = {"dialect", "keyword_case", "workspace.schema_files", "workspace.exclude"}
"""What an untrusted workspace may set. Think before adding to it: see docs/security.md."""


def nested(name: str) -> dict[str, object]:
    """Data that sets the setting of this dotted name."""
    *tables, key = name.split(".")
    data: dict[str, object] = {key: "x"}
    for table in tables:
        data = {table: data}
    return data


@pytest.mark.parametrize("name", known_settings())
def test_every_setting_needs_trust_but_for_style_dialect_and_own_files(name: str) -> None:
    assert confined(nested(name))[1] == ([] if name in HARMLESS else [name])


@pytest.mark.parametrize("file", ["squill.toml", "pyproject.toml"])
def test_an_untrusted_workspace_sets_style_and_dialect_alone(tmp_path: Path, file: str) -> None:
    table = "[tool.squill]\n" if file == "pyproject.toml" else ""
    below = "[tool.squill.learning]\n" if table else "[learning]\n"
    (tmp_path / file).write_text(
        f'{table}model = "evil/model"\ndialect = "mysql"\n{below}example-folders = ["/usr"]\n'
    )
    reports: list[str] = []
    settings = load_settings(tmp_path, reports.append)
    assert settings == Settings(dialect="mysql")
    assert len(reports) == 1
    assert "`model`, `learning.example_folders`" in reports[0]
    assert f"squill trust add {tmp_path}" in reports[0]
    assert restricted_settings(tmp_path) == ("model", "learning.example_folders")


def test_a_trusted_workspace_sets_everything(tmp_path: Path) -> None:
    (tmp_path / "squill.toml").write_text('model = "m"\n[daemon]\nautostart = false\n')
    trust(tmp_path)
    settings = load_settings(tmp_path, pytest.fail)
    assert settings.model == "m"
    assert not settings.daemon.autostart


def test_the_front_ends_own_trust_goes_before_the_list(tmp_path: Path) -> None:
    (tmp_path / "squill.toml").write_text('model = "m"\n')
    assert load_settings(tmp_path, pytest.fail, trusted=True).model == "m"
    trust(tmp_path)
    assert load_settings(tmp_path, lambda _: None, trusted=False).model == ""


def test_a_workspace_cannot_trust_itself(tmp_path: Path) -> None:
    (tmp_path / "squill.toml").write_text('trusted = true\ntrust = "1"\nmodel = "m"\n')
    assert load_settings(tmp_path, lambda _: None).model == ""


def test_the_users_own_file_needs_no_trust(tmp_path: Path) -> None:
    (tmp_path / "config" / "squill.toml").write_text('model = "user"\n')
    (tmp_path / "squill.toml").write_text('model = "workspace"\n')
    assert load_settings(tmp_path, lambda _: None).model == "user"


@pytest.mark.parametrize("kind", ["pipe", "device", "huge"])
def test_a_settings_file_that_is_none_holds_nobody(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "squill.toml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.write_bytes(b"#" * 1_000_001)
    reports: list[str] = []
    assert load_settings(tmp_path, reports.append) == Settings()
    assert len(reports) == 1
