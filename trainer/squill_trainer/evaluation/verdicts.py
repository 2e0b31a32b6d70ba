"""What a prediction is worth: does it parse, bind, match, and give the wanted rows?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from squill.binding import bind
from squill.canonical import canonical
from squill.ddl import parse_schema
from squill.errors import SchemaError
from squill.schema import Schema
from squill_trainer.evaluation.execution import compare, without_case
from squill_trainer.evaluation.syntax import error_kinds, parses, sql_class

if TYPE_CHECKING:
    from squill_trainer.evaluation.databases import Databases
    from squill_trainer.evaluation.predictions import Prediction
    from squill_trainer.evaluation.questions import Question


@dataclass(frozen=True, slots=True)
class Verdict:
    """``executed``: whether both queries gave the same rows; None where that cannot be told.

    ``left_out`` says why it cannot, empty without a database. ``error`` is the database's word on
    the prediction. ``kinds`` of error are those of `syntax.KINDS`, none for a right answer.
    """

    question: Question
    prediction: Prediction
    sql_class: str
    parses: bool
    binds: bool
    exact: bool
    executed: bool | None
    left_out: str
    error: str
    kinds: tuple[str, ...]

    @property
    def answered(self) -> bool:
        return self.prediction.sql is not None

    @property
    def right(self) -> bool:
        """By its rows; by its form where there are none to compare."""
        return self.exact if self.executed is None else self.executed


def judge(question: Question, prediction: Prediction, databases: Databases) -> Verdict:
    """Never raises on a query, and runs both on a database that is opened for reading only."""
    schema, sql = _schema(question.schema), prediction.sql
    form = canonical(sql, schema) if sql else None
    exact = form is not None and form == canonical(question.sql, schema)
    executed, left_out, error = _execute(question, sql, databases)
    right = exact if executed is None else executed
    return Verdict(
        question=question,
        prediction=prediction,
        sql_class=sql_class(question.sql),
        parses=sql is not None and parses(sql),
        binds=sql is not None and bind(sql, schema).valid,
        exact=exact,
        executed=executed,
        left_out=left_out,
        error=error,
        kinds=() if right else error_kinds(sql, question.sql, schema),
    )


@lru_cache(maxsize=256)
def _schema(text: str) -> Schema:
    try:
        return parse_schema(text, "sqlite").schema
    except SchemaError:
        return Schema(())


def _execute(
    question: Question, sql: str | None, databases: Databases
) -> tuple[bool | None, str, str]:
    database = databases.get(question.db_id)
    if database is None:
        reason = databases.unusable.get(question.db_id)
        return None, f"{question.db_id}: {reason}" if reason else "", ""
    gold = database.run(without_case(question.sql))
    if gold.error or gold.cut:
        return None, f"the gold query does not do: {gold.error or 'too many rows'}", ""
    if sql is None:
        return False, "", ""
    own = database.run(without_case(sql))
    return compare(own, gold, question.sql), "", own.error
