"""A newcomer's first minutes in VS Code, with the embedded model and nothing set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from squill.binding import bind
from squill.ddl import parse_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from workbench import Workbench

    NewWindow = Callable[..., AbstractContextManager[Workbench]]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

TABLES = """\
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER REFERENCES customers (id),
  amount REAL,
  ordered_on DATE
);
"""
QUESTION = "-- total amount of the orders of each customer"


@pytest.fixture(scope="module")
def window(new_window: NewWindow) -> Iterator[Workbench]:
    # No training: it starts a daemon that was killed by itself, at a time of its own.
    with new_window({"report.sql": TABLES}, SQUILL_TRAINER_COMMAND="true") as window:
        yield window


def is_a_query_over_the_tables(sql: str) -> bool:
    return bind(sql.rstrip(";"), parse_schema(TABLES).schema).valid


def test_a_comment_becomes_a_query_that_fits_the_tables(window: Workbench) -> None:
    window.open("report.sql")
    window.wait_for_status("ready")
    window.type(f"\n{QUESTION}\n")
    offered = window.ghost_text()
    window.screenshot("ghost-text")
    window.press("Tab")
    before, statement = window.saved("report.sql").split(f"{QUESTION}\n")
    assert before == f"{TABLES}\n"
    assert statement == offered
    assert is_a_query_over_the_tables(statement)


def test_a_daemon_that_is_killed_is_started_again_by_the_next_question(window: Workbench) -> None:
    for daemon in window.profile.named("squill_daemon"):
        daemon.kill()
    window.wait_for_status("trouble")
    window.type("\n\n-- the names of all customers\n")
    statement = window.ghost_text()
    window.wait_for_status("ready")
    assert is_a_query_over_the_tables(statement)
    window.press("Tab")
    assert window.saved("report.sql").endswith(statement)


def test_the_doctor_looks_at_the_whole_chain(window: Workbench) -> None:
    window.command("Squill: Doctor")
    report = window.webview().locator("body")
    expect(report).to_contain_text("checks: 0 failed")
    window.screenshot("doctor")
