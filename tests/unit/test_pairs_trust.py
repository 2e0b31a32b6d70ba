"""In an untrusted folder only the user's own pairs are learned, and nothing outside is read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from squill.pairs import keep
from squill.pairs import store as store_module
from squill.pairs.pair import SetAside
from squill.pairs.store import PairStore
from squill.schema_files import find_schema_files
from squill.settings import LearningSettings, Settings
from squill.trust import trust

if TYPE_CHECKING:
    from pathlib import Path

TABLES = "CREATE TABLE orders (id INT, status TEXT);\n"
OPEN = "SELECT id FROM orders WHERE status = 'open'"
EVIL = "SELECT id FROM orders WHERE status = 'evil'"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cloned repository with a schema."""
    monkeypatch.delenv("SQUILL_TRUST")
    monkeypatch.setenv("SQUILL_DATA_DIR", str(tmp_path / "data"))
    cloned = tmp_path / "cloned"
    (cloned / ".squill" / "examples").mkdir(parents=True)
    (cloned / "shop.sql").write_text(TABLES)
    return cloned


def line(question: str, sql: str) -> str:
    return json.dumps({"question": question, "sql": sql}) + "\n"


def learned(workspace: Path, settings: Settings | None = None) -> list[str]:
    pairs = PairStore(workspace, settings or Settings()).load()
    return [pair.question for pair in pairs.usable]


def test_pairs_that_came_with_the_folder_are_set_aside_with_the_remedy(workspace: Path) -> None:
    (workspace / ".squill" / "accepted.jsonl").write_text(line("bad orders", EVIL))
    (workspace / ".squill" / "examples" / "a.sql").write_text(f"-- worse orders\n{EVIL};\n")
    pairs = PairStore(workspace, Settings()).load()
    assert pairs.usable == ()
    assert len(pairs.set_aside) == 2
    assert all("squill trust add" in aside.reason for aside in pairs.set_aside)
    trust(workspace)
    assert learned(workspace) == ["worse orders", "bad orders"]


def test_what_this_user_accepted_is_learned_beside_what_came_along(workspace: Path) -> None:
    (workspace / ".squill" / "accepted.jsonl").write_text(line("bad orders", EVIL))
    keep(workspace, "open orders", OPEN, "sqlite")
    assert learned(workspace) == ["open orders"]


def test_what_this_user_added_or_imported_is_learned(workspace: Path) -> None:
    store = PairStore(workspace, Settings())
    store.load()
    checked = store.check("open orders", OPEN)
    assert not isinstance(checked, SetAside)
    store.accept([checked])
    assert learned(workspace) == ["open orders"]


def test_a_users_pair_that_comes_with_another_folder_is_not_theirs_there(
    workspace: Path, tmp_path: Path
) -> None:
    keep(workspace, "open orders", OPEN, "sqlite")
    other = tmp_path / "other"
    (other / ".squill").mkdir(parents=True)
    (other / "shop.sql").write_text(TABLES)
    (other / ".squill" / "accepted.jsonl").write_bytes(
        (workspace / ".squill" / "accepted.jsonl").read_bytes()
    )
    assert learned(other) == []


def test_a_users_pair_that_was_rewritten_in_the_file_is_no_longer_theirs(workspace: Path) -> None:
    keep(workspace, "open orders", OPEN, "sqlite")
    path = workspace / ".squill" / "accepted.jsonl"
    path.write_text(path.read_text().replace("'open'", "'evil'"))
    assert learned(workspace) == []


def test_a_newer_pair_that_came_along_does_not_overrule_the_users(workspace: Path) -> None:
    keep(workspace, "open orders", OPEN, "sqlite")
    evil = {"question": "open orders", "sql": EVIL, "kept": "2999-01-01T00:00:00+00:00"}
    with (workspace / ".squill" / "accepted.jsonl").open("a") as file:
        file.write(json.dumps(evil) + "\n")
    (pair,) = PairStore(workspace, Settings()).load().usable
    assert pair.sql == OPEN


def test_pairs_that_the_user_names_are_taken_as_theirs(workspace: Path) -> None:
    (workspace / ".squill" / "examples" / "a.sql").write_text(f"-- open orders\n{OPEN};\n")
    store = PairStore(workspace, Settings())
    store.load()
    assert store.adopt() == 1
    assert learned(workspace) == ["open orders"]
    (workspace / ".squill" / "examples" / "a.sql").write_text(f"-- open orders\n{EVIL};\n")
    assert learned(workspace) == []


@pytest.mark.parametrize("link", ["folder", "file", "squill"])
def test_a_link_leads_nobody_out_of_an_untrusted_folder(
    workspace: Path, tmp_path: Path, link: str
) -> None:
    outside = tmp_path / "outside" / "examples"
    outside.mkdir(parents=True)
    (outside / "a.sql").write_text(f"-- open orders\n{OPEN};\n")
    examples = workspace / ".squill" / "examples"
    if link == "file":
        (examples / "a.sql").symlink_to(outside / "a.sql")
    elif link == "folder":
        examples.rmdir()
        examples.symlink_to(outside)
    else:
        examples.rmdir()
        examples.parent.rmdir()
        examples.parent.symlink_to(outside.parent)
    store = PairStore(workspace, Settings())
    assert store.load().set_aside == ()
    assert store.load().usable == ()
    assert link == "file" or store.folders == []
    trust(workspace)
    assert learned(workspace) == ["open orders"]


def test_a_folder_of_the_users_own_settings_is_read_wherever_it_is(
    workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.sql").write_text(f"-- open orders\n{OPEN};\n")
    settings = Settings(learning=LearningSettings(example_folders=(str(tmp_path / "mine"),)))
    assert learned(workspace, settings) == ["open orders"]


def test_a_relative_folder_does_not_leave_an_untrusted_workspace(
    workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.sql").write_text(f"-- open orders\n{OPEN};\n")
    settings = Settings(learning=LearningSettings(example_folders=("../mine",)))
    assert learned(workspace, settings) == []


def test_a_front_end_may_say_that_the_folder_is_trusted(workspace: Path) -> None:
    (workspace / ".squill" / "examples" / "a.sql").write_text(f"-- open orders\n{OPEN};\n")
    assert len(PairStore(workspace, Settings(), trusted=True).load().usable) == 1
    trust(workspace)
    assert PairStore(workspace, Settings(), trusted=False).load().usable == ()


def test_folders_without_end_are_read_up_to_a_bound_and_that_is_said(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(workspace)
    examples = workspace / ".squill" / "examples"
    for number in range(4):
        (examples / str(number)).mkdir()
        (examples / str(number) / "a.sql").write_text(f"-- open orders {number}\n{OPEN};\n")
    monkeypatch.setattr(store_module, "MOST_FOLDERS", 3)
    pairs = PairStore(workspace, Settings()).load()
    assert len(pairs.usable) + len(pairs.duplicates) == 2
    assert [aside.reason for aside in pairs.set_aside] == [store_module.MANY_FOLDERS]


def test_tables_behind_a_link_out_of_an_untrusted_folder_are_not_read(
    workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.sql").write_text("CREATE TABLE secrets (a TEXT);\n")
    (workspace / "link.sql").symlink_to(tmp_path / "secret.sql")
    found = {path.name for path in find_schema_files(workspace, Settings().workspace)}
    assert found == {"shop.sql"}
    trust(workspace)
    found = {path.name for path in find_schema_files(workspace, Settings().workspace)}
    assert found == {"shop.sql", "link.sql"}


@pytest.mark.parametrize("glob", ["../*.sql", "/**/*.sql", "**/../*.sql", "{..,x}/*.sql"])
def test_a_glob_does_not_leave_the_folder(workspace: Path, tmp_path: Path, glob: str) -> None:
    trust(workspace)
    (tmp_path / "secret.sql").write_text("CREATE TABLE secrets (a TEXT);\n")
    settings = replace(Settings().workspace, schema_files=(glob,))
    assert list(find_schema_files(workspace, settings)) == []
