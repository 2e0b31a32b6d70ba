"""``%ask`` and ``%%ask``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from squill.binding import bind
from squill.errors import SquillError
from squill.pairs import keep
from squill.schema import Schema
from squill.settings import load_settings
from squill.terminal_text import visible
from squill_ipython.accepting import Suggestion, accepted_sql
from squill_ipython.connections import Connection, choose
from squill_terminal.asking import ask

_CONNECTION = re.compile(r"\s*(?:-c\s*|--connection(?:\s+|=))(\w+)(?:\s+|\Z)")


@magics_class
class SquillMagics(Magics):
    """``waiting`` are the suggestions that were put into cells and did not run yet."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._session = shell
        self.waiting: list[Suggestion] = []

    @line_cell_magic
    @no_var_expand
    def ask(self, line: str, cell: str | None = None) -> None:
        """``%ask [-c CONNECTION] QUESTION``: put a query that answers it into the next cell.

        CONNECTION is the variable that holds it. The question is taken as it is typed: quotes,
        braces and dollar signs mean nothing in it.
        """
        name, question = without_option(line)
        question = " ".join([*question.split(), *(cell or "").split()])
        try:
            self._suggest(question, choose(self._session.user_ns, name))
        except SquillError as error:
            _say(error.message)

    def _suggest(self, question: str, connection: Connection) -> None:
        if not question:
            _say("Say what you want to know: %ask How many students are there?")
            return
        schema, folder = connection.schema(), Path.cwd()
        answer = ask(question, schema, folder, load_settings(folder, _say))
        if answer.adapter_problem:
            _say(f"What was learned here isn't used. {answer.adapter_problem}")
        if not answer.statements:
            _say(f"No valid query. {answer.refused}")
            return
        sql = answer.statements[0]
        self.waiting.append(Suggestion(question, sql, schema))
        self._session.set_next_input(connection.cell(question, sql), replace=False)

    def cell_ran(self, result: Any) -> None:
        """A suggestion whose cell ran without an error becomes a pair."""
        if not result.success:
            return
        cell = result.info.raw_cell or ""
        for suggestion in list(self.waiting):
            if sql := accepted_sql(cell, suggestion):
                self.waiting.remove(suggestion)
                self._keep(suggestion, sql)

    def _keep(self, suggestion: Suggestion, sql: str) -> None:
        folder, schema = Path.cwd(), suggestion.schema
        if not load_settings(folder, lambda _: None).learning.keep_accepted:
            return
        used = set(bind(sql, schema).tables)
        own = Schema(tuple(t for t in schema.tables if t.qualified_name in used), schema.dialect)
        edited = sql.split() != suggestion.sql.split()
        try:
            keep(folder, suggestion.question, sql, schema.dialect, own, edited=edited)
        except SquillError as error:
            _say(f"Not kept: {error.message}")


def without_option(line: str) -> tuple[str, str]:
    """The name that ``-c`` gives at the start of a line, empty without one, and the rest."""
    found = _CONNECTION.match(line)
    return (found[1], line[found.end() :]) if found else ("", line)


def _say(text: str) -> None:
    print(f"Squill: {visible(text)}", file=sys.stderr)
