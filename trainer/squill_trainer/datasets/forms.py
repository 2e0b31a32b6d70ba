"""How a row is written for a training: the recipe's text, or prompt and completion."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from squill.errors import SchemaError
from squill.prompt.chat import ChatFormat
from squill.prompt.plain import PlainFormat
from squill.prompt.slots import SlotsFormat
from squill_trainer.datasets.row import DIALECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from squill.prompt import PromptFormat
    from squill.schema import Schema, Table
    from squill_trainer.datasets.row import Row

    Form = Callable[[Row], dict[str, str]]

_OPERATORS: dict[type, str] = {exp.EQ: "=", exp.GT: ">", exp.LT: "<"}


def recipe_text(row: Row) -> dict[str, str]:
    """``{"text": …}`` as in the WikiSQL recipe: names as they are, columns without types.

    Raises:
        SchemaError: a statement or a definition does not parse.
    """
    schema = _bare(row)
    prompt = PlainFormat().prompt(schema, row.question)
    return {"text": f"{prompt} {_unquoted(row)}"}


def _bare(row: Row) -> Schema:
    schema = row.schema
    single = len(schema.tables) == 1
    tables = tuple(_named(table, row.database if single else table.name) for table in schema.tables)
    return replace(schema, tables=tables)


def _named(table: Table, name: str) -> Table:
    columns = tuple(replace(column, type="") for column in table.columns)
    return replace(table, name=name, columns=columns)


def _unquoted(row: Row) -> str:
    """The recipe's SQL: no quotes around names, ``MAX col`` for ``MAX(col)``; one table only."""
    tree = _parsed(row.sql)
    if len(row.schema.tables) > 1 or not isinstance(tree, exp.Select) or not _is_flat(tree):
        return PlainFormat().target(row.sql, row.schema, row.question).strip()
    conditions = " AND ".join(map(_condition, _conditions(tree)))
    where = f" WHERE {conditions}" if conditions else ""
    return f"SELECT {_shown(tree.expressions[0])} FROM {row.database}{where}"


def _parsed(sql: str) -> exp.Expr:
    try:
        return sqlglot.parse_one(sql, read=DIALECT)
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise SchemaError(f"Not one statement that parses: {sql[:80]!r}") from error


def _is_flat(tree: exp.Select) -> bool:
    """One column or aggregate, and comparisons of columns with literals: WikiSQL's language."""
    parts = {name for name, value in tree.args.items() if value}
    if not parts <= {"kind", "expressions", "from_", "where"} or len(tree.expressions) != 1:
        return False
    (selected,) = tree.expressions
    column = selected.this if _is_aggregate(selected) else selected
    return isinstance(column, exp.Column) and all(map(_is_plain, _conditions(tree)))


def _conditions(tree: exp.Select) -> list[exp.Expr]:
    where = tree.args.get("where")
    if where is None:
        return []
    return list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]


def _is_plain(condition: exp.Expr) -> bool:
    if not isinstance(condition, tuple(_OPERATORS)):
        return False
    value = condition.expression
    number = value.this if isinstance(value, exp.Neg) else value
    return isinstance(condition.this, exp.Column) and isinstance(number, exp.Literal)


def _is_aggregate(selected: exp.Expr) -> bool:
    return isinstance(selected, exp.Max | exp.Min | exp.Count | exp.Sum | exp.Avg)


def _shown(selected: exp.Expr) -> str:
    if _is_aggregate(selected):
        return f"{selected.key.upper()} {selected.this.name}"
    return selected.name


def _condition(condition: exp.Expr) -> str:
    value = condition.expression
    text = f"'{value.this}'" if value.is_string else value.sql(DIALECT)
    return f"{condition.this.name} {_OPERATORS[type(condition)]} {text}"


def completion(row: Row, prompt_format: PromptFormat) -> dict[str, str]:
    """``{"prompt": …, "completion": …}``, as Squill asks and as it wants to be answered.

    Raises:
        SchemaError: the format cannot express the row.
    """
    schema = prompt_format.fit(row.schema, row.question)
    return {
        "prompt": prompt_format.prompt(schema, row.question),
        "completion": prompt_format.target(row.sql, schema, row.question),
    }


def _content(messages: list[dict[str, str]]) -> str:
    """The message alone: the training puts it into the model's own template, once."""
    return messages[-1]["content"]


FORMS: dict[str, Form] = {
    "recipe": recipe_text,
    PlainFormat.id: partial(completion, prompt_format=PlainFormat()),
    ChatFormat.id: partial(completion, prompt_format=ChatFormat(_content)),
    SlotsFormat.id: partial(completion, prompt_format=SlotsFormat()),
}
