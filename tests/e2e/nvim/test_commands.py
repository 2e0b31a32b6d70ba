"""`:Squill`, `:checkhealth`, `:help` and code actions in a real Neovim 0.11."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.nvim.conftest import OTHER, QUESTION, SQL, TABLE
from e2e.nvim.session import PLUGIN, neovim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.nvim.session import Session

SUBCOMMANDS = (
    *("adapters", "another", "ask", "distrust", "doctor", "explain", "fix", "forget", "keep"),
    *("logs", "pairs", "restart", "retrain", "rollback", "status", "trust", "write"),
)


def put(session: Session, *lines: str) -> None:
    """These lines below the table, the cursor in the last one."""
    session.nvim.current.buffer[1:] = list(lines)
    session.nvim.command("normal! G")


def last_lines(session: Session, count: int) -> list[str]:
    return list(session.nvim.current.buffer[-count:])


def test_a_comment_is_answered_by_command_and_a_query_explained_in_one(session: Session) -> None:
    put(session, f"-- {QUESTION}")
    session.nvim.command("Squill write")
    session.until(lambda: last_lines(session, 1) == [f"{SQL};"])
    session.nvim.command("normal! G")
    session.nvim.command("Squill another")
    session.until(lambda: last_lines(session, 1) == [f"{OTHER};"])
    put(session, "", f"{SQL};")
    session.nvim.command("Squill explain")
    explained = "-- : The age of students where name is 'Wang Junjian'."
    session.until(lambda: last_lines(session, 2) == [explained, f"{SQL};"])


def test_a_code_action_from_the_menu_mends_a_statement(session: Session) -> None:
    put(session, "SELECT Aeg FROM student;")
    choose = """
        vim.ui.select = function(items, options, done)
          for number, item in ipairs(items) do
            if options.format_item(item):find('Fix this statement') then done(item, number) end
          end
        end
    """
    session.lua(choose)
    session.keys("gra")
    session.until(lambda: last_lines(session, 1) == ["SELECT Age FROM students;"])


def test_a_statement_is_fixed_by_command_and_one_that_fits_is_left(session: Session) -> None:
    put(session, "SELECT Aeg FROM student;")
    session.nvim.command("Squill fix")
    session.until(lambda: last_lines(session, 1) == ["SELECT Age FROM students;"])
    session.nvim.command("Squill fix")
    assert "nothing to fix" in session.event("said")


def test_a_pair_is_kept_listed_and_forgotten(session: Session, tmp_path: Path) -> None:
    put(session, "-- How old is everyone?", "SELECT Age FROM students;")
    session.nvim.command("Squill keep")
    assert "kept as an example: How old is everyone?" in session.event("said")
    kept = tmp_path / "project" / ".squill" / "accepted.jsonl"
    assert "SELECT Age FROM students" in kept.read_text()
    session.nvim.command("Squill pairs")
    assert any("How old is everyone?" in line for line in session.window())
    session.nvim.command("close")
    session.nvim.command("Squill forget")
    assert "1 forgotten" in session.event("said")
    assert "How old is everyone?" not in kept.read_text()


def test_status_logs_restart_and_adapters_open_windows(session: Session) -> None:
    session.nvim.command("Squill adapters")
    assert session.window() == ["Nothing was learned yet."]
    session.nvim.command("close | Squill restart")
    assert "restarted" in session.event("said")
    session.nvim.command("Squill logs")
    assert "".join(session.window()) != ""
    session.nvim.command("close | Squill status")
    assert any("pid: " in line for line in session.window())


def test_a_question_goes_to_the_daemon_directly_and_starts_one(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "project" / "db").mkdir(parents=True)
    (tmp_path / "project" / "db" / "schema.sql").write_text(TABLE)
    call = "return { require('squill.daemon').call(...) }"
    init = "vim.g.squill = { enable = false }\n"
    with neovim(environment, tmp_path, "notes.sql", init) as session:
        assert session.lua(call, "status", {"": ""}) == [None, "No daemon is running."]
        session.nvim.command(f"Squill ask {QUESTION}")
        assert session.window() == [f"-- {QUESTION}", f"{SQL};"]
        session.nvim.command("close | Squill ask What is unknown?")
        assert "no valid query. the model does not know" in session.event("said")
        session.nvim.command("Squill ask")
        assert "say what you want to know" in session.event("said")
        assert session.lua(call, "status", {"": ""})[0]["state"] == "ready"
        _, refused = session.lua(call, "no/such/method", {"": ""})
        assert "See :Squill logs" in refused


def test_the_socket_is_where_the_daemon_has_it(session: Session, tmp_path: Path) -> None:
    deep = str(tmp_path / ("deep" * 30))
    path = "vim.env.SQUILL_RUNTIME_DIR = ...; return require('squill.daemon').socket()"
    from squill.paths import runtime_paths

    with pytest.MonkeyPatch.context() as patch:
        for folder in (str(tmp_path), deep):
            patch.setenv("SQUILL_RUNTIME_DIR", folder)
            assert session.lua(path, folder) == str(runtime_paths().socket)
        patch.delenv("SQUILL_RUNTIME_DIR")
        patch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
        session.lua("vim.env.XDG_RUNTIME_DIR = '/run/user/1'")
        assert session.lua(path.replace("...", "nil")) == str(runtime_paths().socket)


def test_the_status_line_says_what_squill_does(session: Session) -> None:
    put(session, f"-- {QUESTION}")
    session.nvim.command("Squill write")
    session.event("status", lambda told: told["state"] == "thinking")
    session.until(
        lambda: session.lua("return require('squill').statusline()") == "squill ready sqlite",
        "status",
    )
    session.nvim.command("enew")
    assert session.lua("return require('squill').statusline()") == ""


def test_subcommands_are_completed_and_wrong_ones_named(session: Session) -> None:
    assert session.nvim.funcs.getcompletion("Squill ", "cmdline") == list(SUBCOMMANDS)
    assert session.nvim.funcs.getcompletion("Squill re", "cmdline") == ["restart", "retrain"]
    session.nvim.command("Squill nothing")
    assert "there is no :Squill nothing" in session.event("said")


def test_checkhealth_looks_at_editor_server_and_chain(session: Session) -> None:
    session.lua("vim.g.squill = { colour = 'red' }")
    session.nvim.command("checkhealth squill")
    report = session.text
    for line in ("extmarks", "program: ", "language server: 1 buffers", "colour means nothing"):
        assert line in report, report
    assert "squill doctor" in report
    assert "packages" in report or "squill" in report


@pytest.fixture
def alone(tmp_path: Path, environment: dict[str, str]) -> Iterator[Session]:
    """Neovim without an SQL file, its plugin without the program."""
    init = "vim.g.squill = { command = '/nowhere/squill', enable = false }\n"
    with neovim(environment, tmp_path, "notes.txt", init) as session:
        yield session


def test_without_program_or_server_every_answer_is_a_sentence(alone: Session) -> None:
    alone.nvim.command("Squill explain")
    assert "language server does not run" in alone.event("said")
    alone.nvim.command("Squill ask How many?")
    assert "/nowhere/squill" in alone.event("said")
    alone.nvim.command("checkhealth squill")
    assert "there is no program `/nowhere/squill`" in alone.text
    alone.nvim.command("bdelete | help squill")
    assert alone.nvim.current.buffer.name.endswith("doc/squill.txt")


def test_the_help_s_tags_are_those_of_its_text(alone: Session, tmp_path: Path) -> None:
    copy = tmp_path / "doc"
    copy.mkdir()
    shutil.copy(PLUGIN / "doc" / "squill.txt", copy)
    alone.nvim.command(f"helptags {copy}")
    assert (copy / "tags").read_text() == (PLUGIN / "doc" / "tags").read_text()
    helped = (PLUGIN / "doc" / "squill.txt").read_text()
    assert [name for name in SUBCOMMANDS if f"*:Squill-{name}*" not in helped] == []


@pytest.fixture
def untrusting(environment: dict[str, str], tmp_path: Path) -> Iterator[Session]:
    """Neovim in a folder whose settings need trust."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "work.sql").write_text(TABLE)
    (project / "squill.toml").write_text("[learning]\nautomatic = false\n")
    with neovim({**environment, "SQUILL_TRUST": ""}, tmp_path) as started:
        started.ready()
        yield started


@pytest.mark.parametrize("answer", [1, 2])
def test_trust_is_asked_for_and_given_by_command(
    untrusting: Session, environment: dict[str, str], tmp_path: Path, answer: int
) -> None:
    said = untrusting.event("said", lambda text: "left out" in text)
    assert "`learning.automatic`" in said
    assert ":Squill trust" in said
    untrusting.lua("local answer = ...; vim.fn.confirm = function() return answer end", answer)
    untrusting.nvim.command("Squill trust")
    if answer == 1:
        assert "trusted: " in untrusting.event("said")
    untrusting.server("squill.status")
    folders = Path(environment["SQUILL_DATA_DIR"]) / "trust" / "folders.json"
    trusted = json.loads(folders.read_text())["trusted"] if folders.exists() else []
    assert trusted == ([str(tmp_path / "project")] if answer == 1 else [])
