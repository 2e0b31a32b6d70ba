"""The extension on a machine that has no `squill`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from code_server import ROOT
from conftest import SCRIPTED_DAEMON
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from workbench import Workbench

    NewWindow = Callable[..., AbstractContextManager[Workbench]]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def window(new_window: NewWindow) -> Iterator[Workbench]:
    files = {"report.sql": "CREATE TABLE t (a INT);\n"}
    with new_window(files, with_server=False, SQUILL_DAEMON_COMMAND=SCRIPTED_DAEMON) as window:
        yield window


def test_a_missing_server_is_offered_in_a_message_and_in_the_menu(window: Workbench) -> None:
    window.open("report.sql")
    window.wait_for_status("not installed")
    offer = window.notifications.filter(has_text="is not on this machine")
    for choice in ("Install", "Choose the Program…", "How It Works"):
        expect(offer.get_by_role("button", name=choice, exact=True)).to_be_visible()
    window.screenshot("not-installed")
    window.status.click()
    expect(window.menu.filter(has_text="Install the Server")).to_be_visible()
    window.press("Escape")


def test_a_setting_that_names_no_program_says_so_and_a_right_one_starts_the_server(
    window: Workbench,
) -> None:
    window.set_up(server__path="/nowhere/squill")
    window.wait_for_status("trouble")
    expect(window.status).to_have_attribute("aria-label", re.compile("/nowhere/squill"))
    window.set_up(server__path=str(ROOT / ".venv" / "bin" / "squill"))
    window.wait_for_status("ready")


def test_a_language_server_that_dies_is_started_again(window: Workbench) -> None:
    [server] = window.profile.named("squill", "lsp")
    server.kill()
    server.wait()
    window.wait_for_status("ready")
    [successor] = window.profile.named("squill", "lsp")
    assert successor.pid != server.pid
