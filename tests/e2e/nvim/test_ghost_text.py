"""Ghost text in a real Neovim 0.11: a comment is typed, SQL appears, keys take it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from e2e.nvim.conftest import ANSWERS, LONG, QUESTION, SQL, TABLE
from e2e.nvim.session import neovim

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.nvim.session import Session

COMMENT = f"{TABLE.strip()}\n-- {QUESTION}"


def ask(session: Session, question: str = QUESTION) -> None:
    """Type a comment on the last line, and wait for the answer to be shown."""
    session.keys(f"A-- {question}")
    session.event("ghost")


def test_a_comment_is_answered_by_ghost_text_and_tab_takes_it(session: Session) -> None:
    ask(session)
    assert session.ghost == f"\n{SQL};"
    session.keys("<Tab>")
    session.until(lambda: session.text == f"{COMMENT}\n{SQL};")
    assert session.ghost == ""
    session.keys("<Esc>u")
    session.until(lambda: session.text == COMMENT)


def test_what_was_taken_becomes_a_pair_when_the_file_is_saved(
    session: Session, tmp_path: Path
) -> None:
    ask(session)
    session.keys("<Tab><Esc>:write<CR>")
    kept = tmp_path / "project" / ".squill" / "accepted.jsonl"
    session.comes_true(f"vim.uv.fs_stat('{kept}') ~= nil")
    [line] = kept.read_text().splitlines()
    assert (json.loads(line)["question"], json.loads(line)["sql"]) == (QUESTION, SQL)


def test_what_was_shown_and_not_taken_is_no_pair(session: Session, tmp_path: Path) -> None:
    ask(session)
    session.keys("<Esc>:write<CR>:Squill pairs<CR>")
    session.event("window")
    assert not (tmp_path / "project" / ".squill" / "accepted.jsonl").exists()


def test_words_and_lines_are_taken_one_by_one_and_not_offered_again(session: Session) -> None:
    ask(session, "List all about Wang")
    offered = session.ghost
    assert offered.count("\n") > 2, "a long statement takes several lines"
    before = session.text
    session.keys("<C-Right>")
    session.until(lambda: session.text == f"{before}\nSELECT")
    assert session.ghost == offered.removeprefix("\nSELECT")
    session.keys("<C-Down>")
    session.until(lambda: session.text != f"{before}\nSELECT")
    assert f"{session.text}{session.ghost}" == f"{before}{offered}"
    session.keys("<Plug>(squill-request)")
    session.event("ghost")
    assert f"{session.text}{session.ghost}" == f"{before}{offered}"
    session.keys("<Tab>")
    session.until(lambda: session.text == f"{before}{offered}")


def test_typing_along_keeps_what_is_shown_and_another_way_asks_anew(session: Session) -> None:
    ask(session)
    session.keys("<CR>SELECT")
    session.until(lambda: session.text == f"{COMMENT}\nSELECT")
    assert session.ghost == SQL.removeprefix("SELECT") + ";"
    session.keys(" M")
    session.event("ghost")
    assert session.ghost == "AX(Age) FROM students WHERE Name = 'Wang Junjian';"
    session.keys("<Tab>")
    session.until(lambda: session.text == f"{COMMENT}\n{ANSWERS[QUESTION][1]};")


def test_dismissed_ghost_text_stays_away_until_the_text_changes(session: Session) -> None:
    ask(session)
    session.keys("<C-]>")
    session.until(lambda: session.ghost == "", "status")
    session.keys("<C-]>!<BS>")
    session.event("ghost")
    assert session.ghost == f"\n{SQL};"


def test_leaving_insert_mode_hides_it(session: Session) -> None:
    ask(session)
    session.keys("<Esc>")
    session.until(lambda: session.nvim.api.get_mode()["mode"] == "n", "lines")
    assert session.ghost == ""


def test_positions_count_in_bytes_where_letters_have_several(session: Session) -> None:
    session.keys("A/* \u00e9\U0001f600 */ <BS><Esc>o<Esc>")
    ask(session)
    session.keys("<Tab>")
    session.until(lambda: session.text.endswith(f"-- {QUESTION}\n{SQL};"))


def test_a_user_s_own_map_of_tab_stays_theirs(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "work.sql").write_text(TABLE)
    own = (
        "vim.keymap.set('i', '<Tab>', 'mine')\n"
        "vim.keymap.set('i', '<C-y>', '<Plug>(squill-accept)')\n"
    )
    with neovim(environment, tmp_path, init=own) as session:
        session.nvim.command("normal! G")
        session.ready()
        ask(session)
        session.keys("<C-y>")
        session.until(lambda: session.text == f"{COMMENT}\n{SQL};")
        session.keys("<Tab>")
        session.until(lambda: session.text.endswith(";mine"))


def test_without_ghost_text_completion_offers_the_same(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "work.sql").write_text(f"{COMMENT}\n")
    own = "vim.g.squill = { ghost_text = false }\n"
    with neovim(environment, tmp_path, init=own) as session:
        session.ready()
        session.keys("Go")
        session.event("lines")
        session.server("squill.status")
        session.keys("<C-x><C-o>")
        session.comes_true("#vim.fn.complete_info({ 'items' }).items > 0")
        [item] = session.nvim.funcs.complete_info(["items"])["items"]
        assert QUESTION in item["word"] + item["abbr"]


def test_a_daemon_that_is_killed_is_replaced_and_the_next_question_answered(
    session: Session,
) -> None:
    ask(session)
    session.keys("<Tab><Esc>")
    first = session.daemon_pid()
    session.kill(first)
    session.event("status", lambda told: told["state"] == "trouble")
    session.keys("o<CR><Esc>")
    ask(session, "List all about Wang")
    assert LONG.split()[0] in session.ghost
    assert session.daemon_pid() != first


def test_a_comment_typed_before_the_server_is_there_is_answered_too(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "work.sql").write_text(TABLE)
    with neovim(environment, tmp_path) as session:
        session.keys("G")
        ask(session)
        assert session.ghost == f"\n{SQL};"
