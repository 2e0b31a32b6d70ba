"""Suggestions in VS Code, word for word: the daemon is real, its answers are given."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from conftest import SCRIPTED_DAEMON
from playwright.sync_api import expect

from peer import Peer
from squill.training import Training, TrainingHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from workbench import Workbench

    NewWindow = Callable[..., AbstractContextManager[Workbench]]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

TABLE = "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT, grade TEXT, city TEXT);\n\n"
COUNT = "SELECT COUNT(*) FROM clients WHERE grade = 'G'"
LONG = (
    "SELECT name, grade, city FROM clients WHERE grade = 'G' AND city <> 'Oslo' "
    "ORDER BY name DESC LIMIT 5"
)
NO_TRAINING = "[learning]\nautomatic = false\n"
"""In the folder's own file, which a default of the editor's must not go over."""
EXAMPLE = "-- all clients\nSELECT name FROM clients;\n"
ANSWERS = {
    "how many gold clients are there": [
        COUNT,
        "SELECT id FROM clients",
        "SELECT 1",
    ],
    "the five gold clients outside Oslo": [LONG],
}
FILES = (
    *("thinking.sql", "tab.sql", "words.sql", "lines.sql", "action.sql", "command.sql"),
    *("pair.sql", "refused.sql", "explain.sql", "keep.sql", "list.sql"),
)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file is missing, the model goes on loading."""
    return tmp_path_factory.mktemp("gate") / "open"


@pytest.fixture(scope="module")
def window(new_window: NewWindow, gate: Path) -> Iterator[Workbench]:
    with new_window(
        {"schema.sql": TABLE, "squill.toml": NO_TRAINING, ".squill/examples/all.sql": EXAMPLE}
        | dict.fromkeys(FILES, ""),
        SQUILL_DAEMON_COMMAND=SCRIPTED_DAEMON,
        SQUILL_FAKE_ANSWERS=json.dumps(ANSWERS),
        SQUILL_FAKE_GATE=str(gate),
    ) as window:
        yield window


def test_the_status_bar_says_that_the_model_loads_thinks_and_is_ready(
    window: Workbench, gate: Path
) -> None:
    window.open("thinking.sql")
    window.wait_for_status("loading")
    gate.touch()
    window.wait_for_status("ready")
    window.type("-- hang on how many clients there are\n")
    window.wait_for_status("thinking")
    window.type("SELECT 1")
    window.wait_for_status("ready")


def test_tab_inserts_the_ghost_text_below_a_comment(window: Workbench) -> None:
    window.open("tab.sql")
    window.type("-- how many gold clients are there\n")
    assert window.ghost_text() == f"{COUNT};"
    window.press("Tab")
    assert window.saved("tab.sql") == f"-- how many gold clients are there\n{COUNT};"
    window.wait_for_no_ghost_text()


def test_what_was_accepted_word_by_word_is_not_offered_again(window: Workbench) -> None:
    window.open("words.sql")
    window.type("-- how many gold clients are there\n")
    assert window.ghost_text() == f"{COUNT};"
    window.press("Control+ArrowRight")
    window.wait_for_ghost_text_without("SELECT")
    assert window.ghost_text() == f"{COUNT};".removeprefix("SELECT")
    window.press("Tab")
    assert window.saved("words.sql") == f"-- how many gold clients are there\n{COUNT};"


def test_a_long_statement_can_be_accepted_line_by_line(window: Workbench) -> None:
    window.open("lines.sql")
    window.type("-- the five gold clients outside Oslo\n")
    whole = window.ghost_text()
    assert whole.startswith("SELECT\n  name,\n  grade,\n")
    window.press("Control+Alt+l")
    window.press("Control+Alt+l")
    assert window.saved("lines.sql") == ("-- the five gold clients outside Oslo\nSELECT\n  name,\n")
    assert window.ghost_text() == whole.removeprefix("SELECT\n  name,\n")
    window.press("Tab")
    assert window.saved("lines.sql") == f"-- the five gold clients outside Oslo\n{whole}"


def test_the_code_action_of_the_menu_writes_the_statement(window: Workbench) -> None:
    window.open("action.sql", "-- how many gold clients are there\n\nSELECT 1;\n")
    window.press("Control+Home")
    window.press("Control+.")
    action = window.page.locator(".action-widget .monaco-list-row")
    action.filter(has_text="Write 3 alternatives").click()
    written = f"-- how many gold clients are there\n{COUNT};\n-- SELECT id FROM clients;\n"
    assert window.saved("action.sql").startswith(written)


def test_the_command_writes_the_statement_and_says_where_there_is_no_question(
    window: Workbench,
) -> None:
    window.open("command.sql", "-- how many gold clients are there\n\nSELECT 1;\n")
    window.press("Control+Home")
    window.command("Squill: Write SQL from Comment")
    assert f"are there\n{COUNT};\n" in window.saved("command.sql")
    window.press("Control+End")
    window.command("Squill: Write SQL from Comment")
    window.said("There is no question here")


def test_an_accepted_and_saved_statement_becomes_an_example_pair(window: Workbench) -> None:
    window.open("pair.sql")
    window.type("-- how many gold clients are there\n")
    window.ghost_text()
    window.press("Tab")
    window.saved("pair.sql")
    window.command("Squill: Show Example Pairs")
    expect(window.menu.filter(has_text="how many gold clients are there")).to_be_visible()
    window.press("Escape")
    lines = (window.folder / ".squill" / "accepted.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = [json.loads(line) for line in lines]
    assert ("how many gold clients are there", COUNT) in [
        (pair["question"], pair["sql"]) for pair in pairs
    ]


def test_a_question_without_an_answer_leaves_a_sentence_in_the_status_bar(
    window: Workbench,
) -> None:
    window.open("refused.sql")
    window.type("-- refuse to say how many clients there are\n")
    expect(window.status).to_have_attribute("aria-label", re.compile("Nothing shown: .* not know"))


def test_a_query_is_explained_in_a_comment_above_it(window: Workbench) -> None:
    window.open("explain.sql", "SELECT name FROM clients WHERE city = 'Oslo';\n")
    window.press("Control+Home")
    window.command("Squill: Explain Query as Comment")
    comment, query = window.saved("explain.sql").rstrip("\n").split("\n")
    assert re.match("-- .*name.*clients.*Oslo", comment)
    assert query == "SELECT name FROM clients WHERE city = 'Oslo';"


def test_a_query_is_kept_as_an_example_and_forgotten(window: Workbench) -> None:
    window.open("keep.sql", "-- clients of the capital\nSELECT id FROM clients;\n")
    window.press("Control+Home")
    window.command("Squill: Keep This Query as an Example")
    expect(window.page.locator(".statusbar")).to_contain_text("keeps this as an example")
    window.command("Squill: Show Example Pairs")
    expect(window.menu.filter(has_text="clients of the capital")).to_be_visible()
    window.press("Escape")
    window.command("Squill: Forget")
    window.page.locator(".monaco-dialog-box").get_by_role("button", name="Forget").click()
    expect(window.page.locator(".statusbar")).to_contain_text("has forgotten this example")
    window.command("Squill: Show Example Pairs")
    expect(window.menu.filter(has_text="all clients")).to_be_visible()
    expect(window.menu.filter(has_text="clients of the capital")).to_have_count(0)
    window.press("Escape")


def test_what_the_server_refuses_is_said_in_its_own_words(window: Workbench) -> None:
    window.open("keep.sql")
    window.command("Squill: Roll Back Adapter")
    window.said("no earlier adapter")


def test_a_click_on_the_status_bar_opens_the_menu_and_status_is_a_page(window: Workbench) -> None:
    window.open("keep.sql")
    window.status.click()
    expect(window.menu.filter(has_text="Doctor")).to_be_visible()
    window.choose("Status")
    expect(window.webview().locator("table")).to_contain_text("fake")
    window.screenshot("status")
    window.command("View: Close Editor")


def test_a_training_is_told_in_the_status_bar(window: Workbench) -> None:
    window.open("keep.sql")
    report = {"workspace": str(window.folder), "state": "learning", "step": 3, "steps": 10}
    with Peer(path=window.profile.socket) as trainer:
        assert trainer.ask(1, "training/report", report)[0] is None
        window.wait_for_status("learning")
        assert trainer.ask(2, "training/report", report | {"state": "done"})[0] is None
        window.wait_for_status("ready")


def test_what_was_learned_is_a_page_with_curves(
    window: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUILL_STATE_DIR", str(window.profile.home / ".local/state/squill"))
    told = ("6 of 12 right", "10 of 12 right")
    losses = (2.5, 1.2, 0.6, 0.3)
    training = Training(
        "s", "2026-01-02T10:20:30Z", None, False, "It forgets.", 12, *told, 9.5, losses
    )
    TrainingHistory(window.folder).add(training)
    window.open("keep.sql")
    window.command("Squill: Show What Squill Learned")
    page = window.webview()
    expect(page.get_by_role("img", name="Loss at each step of a training")).to_be_visible()
    expect(page.locator("table")).to_contain_text("It forgets.")
    expect(page.locator("body")).to_contain_text("Nothing that was learned is kept")
    window.screenshot("learned")
    page.get_by_role("link", name="Roll Back").click()
    window.said("no earlier adapter")
    window.command("View: Close Editor")


def test_settings_reach_the_server_and_leave_it_again(window: Workbench) -> None:
    window.open("keep.sql")
    window.set_up(dialect="postgres")
    expect(window.status).to_have_attribute("aria-label", re.compile("Dialect: postgres"))
    window.set_up()
    expect(window.status).to_have_attribute("aria-label", re.compile("Dialect: sqlite"))


def test_answers_can_be_offered_in_the_list_of_completions(window: Workbench) -> None:
    window.open("list.sql")
    window.set_up(suggestions="completion")
    window.wait_for_status("starting")
    window.wait_for_status("ready")
    window.type("-- how many gold clients are there\n")
    window.press("Control+Space")
    item = window.page.locator(".suggest-widget .monaco-list-row", has_text="how many gold")
    item.click()
    assert COUNT in window.saved("list.sql")
    window.wait_for_no_ghost_text()
