"""``%load_ext squill_ipython`` in a real IPython, on real databases."""

from __future__ import annotations

import json
import sqlite3
import sys
import types
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import sqlalchemy
from IPython.core.interactiveshell import InteractiveShell
from IPython.testing.globalipapp import get_ipython

from e2e.terminal.conftest import ALL, QUESTION, SQL
from squill_ipython.accepting import Suggestion, accepted_sql
from squill_ipython.connections import choose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Notebook:
    """A session; cells run one after another. ``next_cell`` is what was put there."""

    def __init__(self, shell: InteractiveShell, folder: Path) -> None:
        self.shell = shell
        self._pairs = folder / ".squill" / "accepted.jsonl"
        shell.set_next_input = self._put  # type: ignore[method-assign]
        self.next_cell = ""

    def _put(self, text: str, replace: bool = False) -> None:
        assert not replace
        self.next_cell = text

    def run(self, cell: str) -> Any:
        return self.shell.run_cell(cell, store_history=True)

    @property
    def pairs(self) -> list[dict[str, Any]]:
        if not self._pairs.exists():
            return []
        return [json.loads(line) for line in self._pairs.read_text().splitlines()]


@pytest.fixture
def notebook(school: Path, tmp_path: Path) -> Iterator[Notebook]:
    shell = get_ipython() or InteractiveShell.instance()
    shell.reset()
    shell.extension_manager.load_extension("squill_ipython")
    notebook = Notebook(shell, tmp_path)
    connection = sqlite3.connect(school)
    shell.user_ns["school"] = connection
    yield notebook
    shell.extension_manager.unload_extension("squill_ipython")
    shell.reset()
    connection.close()


def test_a_question_puts_its_query_into_the_next_cell_and_that_runs(notebook: Notebook) -> None:
    notebook.run(f"%ask {QUESTION}")
    assert notebook.next_cell == f'# {QUESTION}\nschool.execute("""\n{SQL}\n""").fetchall()'
    assert notebook.pairs == []
    assert notebook.run(notebook.next_cell).result == [(13,)]
    [pair] = notebook.pairs
    assert (pair["question"], pair["sql"]) == (QUESTION, SQL)
    assert "CREATE TABLE students" in pair["schema"]
    notebook.run(notebook.next_cell)
    assert len(notebook.pairs) == 1, "a cell that runs again is no second pair"


def test_a_question_may_fill_a_cell_and_hold_quotes(notebook: Notebook) -> None:
    notebook.run("%%ask\nList the\nstudents")
    assert "SELECT Name, Age FROM students" in notebook.next_cell
    notebook.run('%ask What\'s the "name"?')
    assert "SELECT Name, Age" in notebook.next_cell


def test_what_the_user_corrected_is_kept_as_corrected(notebook: Notebook) -> None:
    notebook.run(f"%ask {ALL}")
    corrected = notebook.next_cell.replace("FROM students\n", "FROM students WHERE Age > 13\n")
    assert notebook.run(corrected).result == [("Li Na", 14)]
    [pair] = notebook.pairs
    assert pair["sql"] == "SELECT Name, Age FROM students WHERE Age > 13"
    assert pair["edited"]


def test_a_cell_that_fails_or_is_another_is_no_pair(notebook: Notebook) -> None:
    notebook.run(f"%ask {QUESTION}")
    broken = notebook.next_cell.replace("Age", "Nothing")
    notebook.shell.showtraceback = lambda *_, **__: None  # type: ignore[method-assign]
    assert not notebook.run(broken).success
    notebook.run("1 + 1")
    assert notebook.pairs == []


def test_an_answer_that_there_is_not_and_an_empty_question_are_sentences(
    notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.run("%ask What is this?")
    notebook.run("%ask")
    said = capsys.readouterr().err
    assert "No valid query. the model does not know" in said
    assert "Say what you want to know" in said
    assert notebook.next_cell == ""


def test_several_connections_are_told_apart_by_name(
    notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    memory = duckdb.connect()
    memory.execute("CREATE TABLE students (Name TEXT, Age INT)")
    notebook.shell.user_ns["memory"] = memory
    notebook.run(f"%ask {ALL}")
    assert "several connections (school, memory)" in capsys.readouterr().err
    notebook.run(f"%ask -c memory {ALL}")
    assert notebook.next_cell.startswith(f'# {ALL}\nmemory.sql("""')
    assert notebook.run(notebook.next_cell).result == []
    assert notebook.pairs[0]["dialect"] == "duckdb"
    notebook.run(f"%ask -c nobody {ALL}")
    assert "holds no database connection" in capsys.readouterr().err
    memory.close()


def test_an_engine_of_sqlalchemy_is_asked_and_run(notebook: Notebook, school: Path) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{school}")
    notebook.shell.user_ns["engine"] = engine
    notebook.run(f"%ask -c engine {QUESTION}")
    assert [tuple(row) for row in notebook.run(notebook.next_cell).result] == [(13,)]
    assert notebook.pairs[0]["sql"] == SQL
    engine.dispose()


def test_jupysql_s_current_connection_gets_its_own_magic(
    school: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its module's names alone: JupySQL itself is not installed here."""
    engine = sqlalchemy.create_engine(f"sqlite:///{school}")
    module = types.ModuleType("sql.connection")
    current = types.SimpleNamespace(connection_sqlalchemy=engine.connect())
    module.ConnectionManager = types.SimpleNamespace(current=current)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sql.connection", module)
    found = choose({})
    assert found.schema().table("students")
    cell = found.cell(QUESTION, SQL)
    assert cell == f"%%sql\n-- {QUESTION}\n{SQL}"
    assert accepted_sql(f"{cell};", Suggestion(QUESTION, SQL, found.schema())) == SQL
    current.connection_sqlalchemy.close()
    engine.dispose()


def test_without_a_connection_the_way_to_one_is_said(
    notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    del notebook.shell.user_ns["school"]
    notebook.run(f"%ask {QUESTION}")
    assert "There is no database connection in this session" in capsys.readouterr().err


def test_unloading_takes_the_magic_away(notebook: Notebook) -> None:
    notebook.shell.extension_manager.unload_extension("squill_ipython")
    assert notebook.shell.find_line_magic("ask") is None
    notebook.shell.extension_manager.load_extension("squill_ipython")
    assert notebook.shell.find_line_magic("ask") is not None
