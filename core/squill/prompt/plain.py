"""The WikiSQL recipe's form: ``table: …``, ``columns: …``, ``Q: …``, ``A:``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot.errors import SqlglotError

from squill.errors import NoValidAnswerError, SchemaError
from squill.prompt.control import NO_CONTROL
from squill.prompt.terminals import Terminals, spelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from squill.prompt.base import Example
    from squill.prompt.control import ControlTokens
    from squill.schema import Schema, Table


class PlainFormat:
    """Plain text for base models; several tables, types and foreign keys extend the recipe."""

    id = "plain-1"
    dialect = ""
    adds_special_tokens = True
    stops: tuple[str, ...] = ("\nQ:", "\n\n")

    def __init__(self, control: ControlTokens = NO_CONTROL) -> None:
        self._control = control

    def fit(self, schema: Schema, question: str) -> Schema:
        """All of it: only the model's window limits this format."""
        return schema

    def prefix(self, schema: Schema) -> str:
        return render_tables(schema, self._control)

    def prompt(self, schema: Schema, question: str, examples: Sequence[Example] = ()) -> str:
        data = self._control.as_data
        shown = "".join(
            f"Q: {data(one_line(e.question))}\nA: {data(one_line(e.sql))}\n" for e in examples
        )
        tables = render_tables(schema, self._control)
        return f"{tables}{shown}Q: {data(one_line(question))}\nA:"

    def target(self, sql: str, schema: Schema, question: str) -> str:
        """One line, by sqlglot's generator; white space within names and literals stays."""
        try:
            (line,) = sqlglot.transpile(
                sql, read=schema.dialect, write=schema.dialect, comments=False
            )
        except (SqlglotError, RecursionError, ValueError) as error:
            raise SchemaError(f"Not one statement that parses: {sql[:80]!r}") from error
        if not line:
            raise SchemaError("There is no statement.")
        return f" {line}"

    def terminals(self, schema: Schema, question: str) -> Terminals:
        return Terminals(schema.dialect, spelled(schema, schema.dialect), stops=self.stops)

    def preview(self, written: str, schema: Schema, question: str) -> str:
        return written.strip()

    def sql(self, target: str, schema: Schema, question: str) -> str:
        return first_statement(target)


def render_tables(schema: Schema, control: ControlTokens) -> str:
    return "".join(_render_table(table, control.as_data) for table in schema.tables)


def _render_table(table: Table, data: Callable[[str], str]) -> str:
    columns = ", ".join(data(one_line(f"{c.name} {c.type}")) for c in table.columns)
    lines = [f"table: {data(one_line(table.qualified_name))}", f"columns: {columns}"]
    for key in table.foreign_keys:
        referred = f"({', '.join(key.referenced_columns)})" if key.referenced_columns else ""
        relation = one_line(f"{', '.join(key.columns)} -> {key.table}{referred}")
        lines.append(f"foreign key: {data(relation)}")
    return "".join(f"{line}\n" for line in lines)


def one_line(text: str) -> str:
    """A name or a question with a line break in it cannot pose as another field."""
    return " ".join(text.split())


def first_statement(text: str) -> str:
    """The statement at the start of a model's text, without what it wrote behind it.

    Raises:
        NoValidAnswerError: there is none.
    """
    body = text.strip()
    if body.startswith("```"):
        body = body.partition("\n")[2].partition("```")[0].strip()
    body = body.split("\nQ:")[0].split("\n\n")[0].strip()
    statement = body.rstrip().removesuffix(";").rstrip()
    if not statement:
        raise NoValidAnswerError("The model wrote nothing.")
    return statement
