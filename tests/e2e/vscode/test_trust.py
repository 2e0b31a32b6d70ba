"""VS Code's workspace trust decides what a workspace's files may set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from workbench import Workbench

    NewWindow = Callable[..., AbstractContextManager[Workbench]]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

TABLES = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT);\n"


@pytest.fixture
def window(new_window: NewWindow) -> Iterator[Workbench]:
    files = {"report.sql": TABLES, "squill.toml": 'model = "nobody/no-such-model"\n'}
    with new_window(
        files, restricted=True, HF_HUB_OFFLINE="1", SQUILL_TRAINER_COMMAND="true"
    ) as window:
        yield window


def test_a_workspace_names_its_model_once_its_window_trusts_it(window: Workbench) -> None:
    window.open("report.sql")
    told = window.notifications.filter(has_text="left out: `model`")
    expect(told).to_be_visible()
    window.type("\n-- the names of all customers\n")
    assert "customers" in window.ghost_text()
    window.screenshot("untrusted")
    told.get_by_text("Manage Workspace Trust").click()
    window.page.locator(".workspace-trust-editor").get_by_text("Trust", exact=True).first.click()
    expect(window.page.locator(".workspace-trust-editor")).to_contain_text("You trust this folder")
    window.screenshot("trusted")
    window.page.locator(".monaco-modal-editor-block .codicon-close").last.click()
    expect(window.page.locator(".workspace-trust-editor")).to_have_count(0)
    window.open("report.sql")
    window.type("\n-- how many customers are there\n")
    window.wait_for_status("trouble")
    expect(window.status).to_have_attribute("aria-label", re.compile("nobody/no-such-model"))
