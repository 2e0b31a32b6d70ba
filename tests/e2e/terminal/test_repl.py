"""``squill repl`` on a real SQLite database, typed into by prompt_toolkit's own pipe."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from e2e.terminal.conftest import ALL, QUESTION, SQL
from squill.paths import state_directory
from squill_terminal.command import main
from squill_terminal.prompt import NameCompleter

if TYPE_CHECKING:
    from pathlib import Path


class Typist:
    """Runs the session on what is typed; every line is Enter's."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.code = -1

    def types(self, *lines: str, arguments: tuple[str, ...] = ("school.db",)) -> str:
        """What is shown after all of them; the session must end by itself."""
        with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
            pipe.send_text("".join(f"{line}\r" for line in lines))
            self.code = main(arguments)
        return self._capsys.readouterr().out


@pytest.fixture
def typist(school: Path, capsys: pytest.CaptureFixture[str]) -> Typist:
    assert school.exists()
    return Typist(capsys)


def test_a_question_is_answered_and_its_query_run_when_asked(typist: Typist) -> None:
    shown = typist.types(QUESTION, "y", "\\quit")
    assert SQL in shown
    assert "13" in shown.splitlines()[-2]
    assert "1 row, " in shown
    assert typist.code == 0


def test_a_query_is_not_run_unless_the_user_says_so(typist: Typist) -> None:
    shown = typist.types(QUESTION, "n", "\\run", "\\quit")
    assert shown.count("1 row, ") == 1
    assert shown.index(SQL) < shown.index("1 row, ")


def test_an_answer_that_is_neither_yes_nor_no_is_asked_for_again(typist: Typist) -> None:
    shown = typist.types(QUESTION, "and the schools?", "y", "\\quit")
    assert "Answer y to run it, or n" in shown
    assert shown.count("1 row, ") == 1


@pytest.mark.parametrize("end", [".quit", "exit", "\\q", "quit;"])
def test_commands_are_those_of_other_shells_too(typist: Typist, end: str) -> None:
    shown = typist.types(".tables", ".help", ".mode csv", end)
    assert "students (Name, Age, School)" in shown
    assert "\\edit" in shown
    assert "There is no command .mode. .help lists them." in shown
    assert typist.code == 0


def test_sql_that_is_typed_runs_and_errors_do_not_end_the_session(typist: Typist) -> None:
    shown = typist.types(
        "SELECT Name FROM students ORDER BY 1;", "DELETE FROM students;", "\\nonsense", "\\quit"
    )
    assert "Li Na" in shown
    assert "The database refuses it: it would do more than read" in shown
    assert "There is no command \\nonsense" in shown


def test_rows_are_bounded(typist: Typist) -> None:
    shown = typist.types(ALL, "", "\\quit", arguments=("school.db", "--rows", "1"))
    assert "the first 1 rows, " in shown
    assert "Li Na" not in shown


def test_an_edited_query_is_run_and_kept_with_its_question(typist: Typist, tmp_path: Path) -> None:
    shown = typist.types(ALL, "n", "\\edit", " WHERE Age > 13", "\\keep", "\\quit")
    assert "Li Na" in shown
    assert f"Kept: {ALL}" in shown
    [line] = (tmp_path / ".squill" / "accepted.jsonl").read_text().splitlines()
    pair = json.loads(line)
    assert pair["question"] == ALL
    assert pair["sql"] == "SELECT Name, Age FROM students WHERE Age > 13"
    assert "CREATE TABLE students" in pair["schema"]


def test_what_cannot_be_kept_is_said(typist: Typist, tmp_path: Path) -> None:
    shown = typist.types(
        "\\keep",
        "SELECT 1;",
        "\\keep",
        QUESTION,
        "n",
        "\\edit",
        " AND Town = 1",
        "\\keep",
        "\\quit",
    )
    assert "There is no query yet" in shown
    assert "The last query had no question" in shown
    assert "It is not kept: There is no column `Town`" in shown
    assert not (tmp_path / ".squill").exists()


def test_the_tables_are_shown_and_unknown_questions_refused(typist: Typist) -> None:
    shown = typist.types(
        "\\schema", "\\schema students", "\\schema x", "What is this?", "\\help", "\\quit"
    )
    assert "students (Name, Age, School)" in shown
    assert "CREATE TABLE students" in shown
    assert "There is no table x" in shown
    assert "No valid query. the model does not know" in shown
    assert "\\schema [T]" in shown


def test_definitions_give_queries_and_no_rows(typist: Typist, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("CREATE TABLE students (Name TEXT, Age INT);")
    for arguments in (("schema.sql",), ()):
        shown = typist.types(QUESTION, "\\run", "\\quit", arguments=arguments)
        assert SQL in shown
        assert "has no rows" in shown


def test_lines_are_remembered_and_ctrl_d_ends(typist: Typist) -> None:
    assert "students" in typist.types("\\schema", "\x04")
    assert typist.code == 0
    assert "\\schema" in (state_directory() / "repl_history").read_text()


def test_a_file_that_is_none_is_a_usage_error(
    typist: Typist, capsys: pytest.CaptureFixture[str]
) -> None:
    typist.types(arguments=("gone.db",))
    assert typist.code == 2
    assert main(["gone.db"]) == 2
    assert "No such file" in capsys.readouterr().err


def test_names_and_commands_are_completed() -> None:
    completer = NameCompleter(["students", "Age", "School"], ["schema", "quit"])

    def offered(text: str) -> list[str]:
        return [c.text for c in completer.get_completions(Document(text), CompleteEvent())]

    assert offered("how many stu") == ["students"]
    assert offered("average ag") == ["Age"]
    assert offered("\\s") == ["schema"]
    assert offered("\\schema ") == ["Age", "School", "students"]
    assert offered("a") == []
