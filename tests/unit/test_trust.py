"""The list of trusted folders, and the command that changes it."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from squill.errors import SettingsError
from squill.trust import (
    decline,
    distrust,
    is_declined,
    is_inside,
    is_trusted,
    read_trust,
    trust,
    trust_directory,
)
from squill.trust_command import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUILL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("SQUILL_TRUST", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


def test_no_folder_is_trusted_at_first(folder: Path) -> None:
    assert not is_trusted(folder)


def test_trust_covers_a_folder_and_those_below(folder: Path) -> None:
    trust(folder)
    assert is_trusted(folder)
    assert is_trusted(folder / "below" / "deeper")
    assert not is_trusted(folder.parent)
    assert not is_trusted(folder.with_name("workshop"))


def test_trust_is_taken_back(folder: Path) -> None:
    trust(folder)
    assert distrust(folder)
    assert not is_trusted(folder)
    assert not distrust(folder)


def test_a_link_in_a_trusted_folder_leads_out_of_the_trust(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "link").symlink_to(outside)
    trust(folder)
    assert not is_trusted(folder / "link")


def test_a_folder_is_known_by_its_real_path(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(folder)
    trust(tmp_path / "alias")
    assert is_trusted(folder)
    (tmp_path / "alias").unlink()
    (tmp_path / "alias").mkdir()
    assert not is_trusted(tmp_path / "alias")


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("", False), ("0", False)])
def test_the_environment_trusts_all_folders(
    value: str, expected: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUILL_TRUST", value)
    assert is_trusted(folder) is expected


def test_a_no_is_remembered_until_the_folder_is_trusted(folder: Path) -> None:
    decline(folder)
    assert is_declined(folder)
    assert not is_trusted(folder)
    trust(folder)
    assert not is_declined(folder)


def test_the_list_is_its_owners_alone(folder: Path) -> None:
    trust(folder)
    path = trust_directory() / "folders.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert json.loads(path.read_text())["trusted"] == [str(folder)]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"trusted": "/"}', b"\xff", b"[" * 100_000])
def test_a_damaged_list_trusts_nothing_and_is_not_overwritten(content: bytes, folder: Path) -> None:
    trust(folder)
    path = trust_directory() / "folders.json"
    path.write_bytes(content)
    assert not is_trusted(folder)
    with pytest.raises(SettingsError, match="squill trust add"):
        trust(folder)
    assert path.read_bytes() == content


def test_a_list_that_others_can_reach_trusts_nothing(folder: Path) -> None:
    trust(folder)
    trust_directory().chmod(0o777)
    assert not is_trusted(folder)


def test_what_a_link_leads_to_decides_whether_it_is_inside(folder: Path, tmp_path: Path) -> None:
    (folder / "here").mkdir()
    (folder / "out").symlink_to(tmp_path)
    (folder / "in").symlink_to(folder / "here")
    assert is_inside(folder / "in" / "x", folder)
    assert not is_inside(folder / "out" / "x", folder)
    assert not is_inside(folder / ".." / "x", folder)


def test_the_command_adds_lists_and_removes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["add", str(folder)]) == 0
    capsys.readouterr()
    assert main(["list"]) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trusted"] == [str(folder)]
    assert main(["remove", str(folder)]) == 0
    assert not is_trusted(folder)


def test_the_command_means_this_folder_where_none_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert main(["add"]) == 0
    assert is_trusted(folder)


def test_removing_a_folder_below_a_trusted_one_says_that_it_stays_trusted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "below").mkdir()
    main(["add", str(folder), str(folder / "below")])
    assert main(["remove", str(folder / "below")]) == 0
    assert "above it is trusted" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_not_trusted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["add", str(folder / "none")]) == 2
    assert "isn't a folder" in capsys.readouterr().err
    assert read_trust().trusted == ()


def test_the_command_says_that_the_list_is_damaged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trust(folder)
    (trust_directory() / "folders.json").write_text("{")
    assert main(["list"]) == 3
    assert "can't be read" in capsys.readouterr().err
