"""From a saved pair to the editor's next answer, with no command in between; all real but the size.

The trainer takes few small steps (`quick_trainer`), so this shows the way and not the quality.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import REAL_DAEMON
from editor import Editor, editing

from surroundings import own_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

QUICK_TRAINER = Path(__file__).parent.parent / "quick_trainer.py"
TABLE = "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT, town TEXT, grade TEXT);\n\n"
UNSEEN = "How many gold clients are in Paris?"
TEXT = f"{TABLE}-- {UNSEEN}\n"
PAIRS = """\
-- How many gold clients are there?
SELECT COUNT(*) FROM clients WHERE grade = 'G';

-- Names of all gold clients
SELECT name FROM clients WHERE grade = 'G';

-- Which towns do gold clients live in?
SELECT town FROM clients WHERE grade = 'G';
"""
RULE = "grade = 'G'"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / ".squill" / "examples").mkdir(parents=True)
    (folder / "tables.sql").write_text(TABLE)
    (folder / "squill.toml").write_text(
        "[learning]\nquiet_seconds = 0\nmost_load = 0\non_battery = true\n"
    )
    return folder


@pytest.fixture
async def editor(tmp_path: Path, folder: Path) -> AsyncIterator[Editor]:
    commands = {
        "SQUILL_DAEMON_COMMAND": " ".join(REAL_DAEMON),
        "SQUILL_TRAINER_COMMAND": f"{sys.executable} {QUICK_TRAINER}",
        "SQUILL_TEST_STEPS": "30",
    }
    async with (
        own_environment(tmp_path, **commands) as environment,
        editing(environment, folder=folder) as started,
    ):
        yield started


def adapters(editor: Editor, folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "squill", "adapters", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=editor.environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.timeout(600)
async def test_a_saved_pair_changes_the_next_answer_and_rollback_brings_the_old_one_back(
    editor: Editor, folder: Path
) -> None:
    uri = (folder / "queries.sql").as_uri()
    editor.open(TEXT, uri)
    before = await editor.ghost_text(TEXT, uri)
    assert before is not None
    assert RULE not in before
    (folder / ".squill" / "examples" / "words.sql").write_text(PAIRS)
    await editor.until(lambda: any(s.state == "learning" for s in editor.statuses))
    await editor.until(lambda: any("learned 3 pairs" in s.message for s in editor.statuses))
    assert RULE in str(await editor.ghost_text(TEXT, uri))
    back = await asyncio.to_thread(adapters, editor, folder, "rollback")
    assert back.startswith("in use: the model without an adapter")
    assert await editor.ghost_text(TEXT, uri) == before
