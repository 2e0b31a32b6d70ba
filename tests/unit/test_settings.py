"""Settings: precedence, and that a bad value is reported and defaulted, never fatal."""

from __future__ import annotations

from pathlib import Path

import pytest

from squill.settings import Settings, from_editor, known_settings, load_settings


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").mkdir()
    monkeypatch.setenv("SQUILL_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("SQUILL_MODEL", raising=False)


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
