"""What a statement asks for, in plain English: read from its syntax tree, by no model."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from squill.errors import UnparsableError
from squill.parsing import parse_tokens, tokenize
from squill.phrasing import EXPLANATION
from squill_lsp.explanation import conditions, queries, values
from squill_lsp.explanation.statements import is_explained, sentences

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["comment_lines", "conditions", "explain", "queries", "values"]

_OTHER = "Only SELECT, INSERT, UPDATE and DELETE statements can be explained."
_NARROWEST = 40


def explain(sql: str, dialect: str) -> list[str]:
    """Sentences: one for each common table expression, the last for what the statement does.

    Names need not exist in any schema.

    Raises:
        UnparsableError: ``sql`` is no single statement of ``dialect``, or of another kind.
    """
    tree = _tree(sql, dialect)
    if not is_explained(tree):
        raise UnparsableError(_OTHER)
    try:
        return sentences(tree, dialect)
    except RecursionError as error:
        raise UnparsableError("It is nested too deeply.") from error


def _tree(sql: str, dialect: str) -> exp.Expr:
    trees = parse_tokens(tokenize(sql, dialect), sql, dialect)
    if len(trees) != 1:
        raise UnparsableError("One statement at a time can be explained.")
    return trees[0]


def comment_lines(said: list[str], indent: str, width: int = 80) -> str:
    """The sentences as line comments, each line broken and ended; ``width`` is in columns.

    Their mark tells them from a question (`squill.phrasing.is_explanation`).
    """
    mark = f"-- {EXPLANATION}"
    room = max(width - len(indent) - len(mark), _NARROWEST)
    lines = [line for sentence in said for line in textwrap.wrap(sentence, room)]
    return "".join(f"{indent}{mark}{line}\n" for line in lines)
