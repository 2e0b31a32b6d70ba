"""The session behind the prompt: what each line means, and what comes of it. No terminal here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from squill.binding import bind
from squill.errors import SquillError, UsageError
from squill.pairs import keep
from squill.pairs.definitions import definitions
from squill.phrasing import is_sql
from squill.schema import Schema
from squill_terminal.table import as_table, summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import RenderableType

    from squill_terminal.asking import Answer
    from squill_terminal.databases import Database, Limits

HELP = """\
Type a question; its query is shown, and run if you say so. SQL that you type is run at once.

\\run          run the last query
\\edit         change the last query, then run it
\\keep         keep the last question with its query, as an example that Squill learns from
\\tables       the tables with their columns
\\schema [T]   the same, or the definition of one
\\help         this
\\quit         end (also exit, Ctrl-D)

A dot in place of the backslash does the same: .tables"""

_ENDS = frozenset({"\\quit", "\\q", "\\exit", ".quit", ".q", ".exit", "quit", "exit"})
_NO_QUERY = "There is no query yet. Ask a question first."


class Terminal(Protocol):
    """What the session needs of a terminal."""

    def show(self, what: RenderableType) -> None: ...

    def show_sql(self, sql: str) -> None: ...

    def confirm(self, question: str) -> bool: ...

    def edit(self, sql: str) -> str:
        """The text as the user left it, empty where they gave up."""


@dataclass(slots=True)
class Last:
    """The last question with its query; both change with what the user asks and edits."""

    question: str = ""
    sql: str = ""


class Session:
    """Owned by the thread that reads the terminal."""

    def __init__(
        self,
        database: Database,
        terminal: Terminal,
        ask: Callable[[str, Schema], Answer],
        folder: Path,
        limits: Limits,
    ) -> None:
        self._database = database
        self._terminal = terminal
        self._ask = ask
        self._folder = folder
        self._limits = limits
        self._last = Last()
        self._adapter_problem = ""
        self._commands: dict[str, Callable[[str], None]] = {
            "run": self._run_last,
            "edit": self._edit,
            "keep": self._keep,
            "tables": lambda _: self._show_schema(""),
            "schema": self._show_schema,
            "help": lambda _: terminal.show(HELP),
        }

    @property
    def commands(self) -> list[str]:
        return [*self._commands, "quit"]

    def handle(self, line: str) -> bool:
        """What one line asks for; False where it ends the session. Errors are shown."""
        line = line.strip()
        if line.rstrip(";").casefold() in _ENDS:
            return False
        try:
            if line.startswith(("\\", ".")):
                self._command(line)
            elif is_sql(line, self._database.schema.dialect):
                self._last = Last(sql=line.rstrip("; "))
                self._run(self._last.sql)
            elif line:
                self._question(line)
        except SquillError as error:
            self._terminal.show(error.message)
        return True

    def _command(self, line: str) -> None:
        name, _, rest = line[1:].partition(" ")
        command = self._commands.get(name)
        if command is None:
            raise UsageError(f"There is no command {line[0]}{name}. {line[0]}help lists them.")
        command(rest.strip())

    def _question(self, question: str) -> None:
        answer = self._ask(question, self._database.schema)
        if answer.adapter_problem and answer.adapter_problem != self._adapter_problem:
            self._terminal.show(f"What was learned here isn't used. {answer.adapter_problem}")
        self._adapter_problem = answer.adapter_problem
        if not answer.statements:
            raise UsageError(f"No valid query. {answer.refused}")
        self._last = Last(question, answer.statements[0])
        self._terminal.show_sql(self._last.sql)
        if self._database.can_run and self._terminal.confirm("Run it?"):
            self._run(self._last.sql)

    def _run_last(self, _: str) -> None:
        self._run(self._require_sql())

    def _edit(self, _: str) -> None:
        edited = self._terminal.edit(self._require_sql()).strip().rstrip(";")
        if not edited:
            return
        self._last.sql = edited
        if problems := bind(edited, self._database.schema).problems:
            raise UsageError(problems[0])
        if self._database.can_run:
            self._run(edited)

    def _run(self, sql: str) -> None:
        result = self._database.run(sql, self._limits)
        if result.columns:
            self._terminal.show(as_table(result))
        self._terminal.show(summary(result))

    def _keep(self, _: str) -> None:
        sql, schema = self._require_sql(), self._database.schema
        if not self._last.question:
            raise UsageError("The last query had no question. Ask one, then \\keep.")
        bound = bind(sql, schema)
        if not bound.valid:
            raise UsageError(f"It is not kept: {bound.problems[0]}")
        used = [table for table in schema.tables if table.qualified_name in bound.tables]
        own = Schema(tuple(used), schema.dialect)
        keep(self._folder, self._last.question, sql, schema.dialect, own)
        self._terminal.show(f"Kept: {self._last.question}")

    def _show_schema(self, name: str) -> None:
        schema = self._database.schema
        if not name:
            for table in schema.tables:
                columns = ", ".join(column.name for column in table.columns)
                self._terminal.show(f"{table.qualified_name} ({columns})")
            return
        found = schema.table(name)
        if found is None:
            raise UsageError(f"There is no table {name}. \\schema lists them.")
        self._terminal.show_sql(definitions(Schema((found,), schema.dialect)))

    def _require_sql(self) -> str:
        if not self._last.sql:
            raise UsageError(_NO_QUERY)
        return self._last.sql
