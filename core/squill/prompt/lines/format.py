"""The ``lines-1`` format as a `squill.prompt.PromptFormat`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot.errors import SqlglotError

from squill.errors import NoValidAnswerError
from squill.prompt.control import NO_CONTROL, ControlTokens
from squill.prompt.lines.rendering import DIALECT, Request, render_request, render_schema
from squill.prompt.lines.target import to_target
from squill.prompt.pruning import fits, prune
from squill.prompt.terminals import Terminals, spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill.prompt.base import Example
    from squill.schema import Schema

MOST_TABLES, MOST_COLUMNS = 15, 200
"""What one prompt shows of a schema; of a larger one, what the question most likely means."""

UNANSWERABLE, VAGUE, NO_REQUEST = "-- unanswerable", "-- vague", "-- no request"
"""What the model writes in place of a query."""

_REASONS = {
    UNANSWERABLE: "The tables don't hold what the question asks for.",
    VAGUE: "The question doesn't say what it wants to know.",
    NO_REQUEST: "The comment doesn't ask for anything.",
}


class LinesFormat:
    """One line for each table, then the question as a comment, then SQL (`rendering`, `target`).

    The model writes SQLite's dialect; `sql` brings it into the schema's own.
    """

    id = "lines-1"
    dialect = DIALECT
    adds_special_tokens = False
    stops: tuple[str, ...] = ()

    def __init__(self, control: ControlTokens = NO_CONTROL) -> None:
        self._control = control

    def fit(self, schema: Schema, question: str) -> Schema:
        return prune(schema, question, max_tables=MOST_TABLES, max_columns=MOST_COLUMNS)

    def prefix(self, schema: Schema) -> str:
        whole = fits(schema, max_tables=MOST_TABLES, max_columns=MOST_COLUMNS)
        return self._control.as_data(render_schema(schema)) if whole else ""

    def prompt(self, schema: Schema, question: str, examples: Sequence[Example] = ()) -> str:
        shown = render_schema(self.fit(schema, question))
        request = render_request(Request(question, examples=tuple(examples)))
        return self._control.as_data(shown) + self._control.as_data(request)

    def target(self, sql: str, schema: Schema, question: str) -> str:
        return to_target(sql, schema, read=schema.dialect)

    def terminals(self, schema: Schema, question: str) -> Terminals:
        return Terminals(DIALECT, spelled(self.fit(schema, question), DIALECT))

    def preview(self, written: str, schema: Schema, question: str) -> str:
        return "" if written.lstrip().startswith("--") else written.strip()

    def sql(self, target: str, schema: Schema, question: str) -> str:
        written = target.strip().removesuffix(";").rstrip()
        if written.startswith("--"):
            raise NoValidAnswerError(_REASONS.get(written, _REASONS[UNANSWERABLE]))
        if not written:
            raise NoValidAnswerError("The model wrote nothing.")
        if schema.dialect == DIALECT:
            return written
        try:
            (statement,) = sqlglot.transpile(written, read=DIALECT, write=schema.dialect)
        except (SqlglotError, RecursionError, ValueError) as error:
            raise NoValidAnswerError(f"What the model wrote doesn't parse: {error}") from error
        return statement
