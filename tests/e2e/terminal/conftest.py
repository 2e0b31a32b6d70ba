"""Own folders, and a daemon with scripted answers; nothing of it is left at a test's end."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import TYPE_CHECKING

import pytest

from surroundings import own_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUESTION = "How old is Wang Junjian?"
SQL = "SELECT Age FROM students WHERE Name = 'Wang Junjian'"
ALL = "List the students"
ANSWERS = {QUESTION: [SQL], ALL: ["SELECT Name, Age FROM students"]}
ANSWERS['What\'s the "name"?'] = ANSWERS[ALL]


@pytest.fixture(autouse=True)
def own_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with asyncio.Runner() as runner:
        own = own_environment(tmp_path, SQUILL_FAKE_ANSWERS=json.dumps(ANSWERS))
        for name, value in runner.run(own.__aenter__()).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        yield
        runner.run(own.__aexit__(None, None, None))


@pytest.fixture
def school(tmp_path: Path) -> Path:
    """A real SQLite database."""
    path = tmp_path / "school.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE students (Name TEXT, Age INT, School TEXT);"
        "INSERT INTO students VALUES ('Wang Junjian', 13, 'First'), ('Li Na', 14, NULL);"
    )
    connection.close()
    return path
