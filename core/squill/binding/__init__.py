"""Checks a query against a schema without running it: parse, then resolve every name in scope."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from squill.binding.dml import resolve_dml
from squill.binding.resolver import Resolver
from squill.binding.syntax import syntax_problems
from squill.errors import UnparsableError
from squill.parsing import parse_tokens, tokenize

if TYPE_CHECKING:
    from sqlglot import Token

    from squill.schema import Schema


@dataclass(frozen=True, slots=True)
class Binding:
    """What `bind` found: sentences for the user in ``problems``, none where the query is valid.

    ``tables`` are the qualified names, as the schema spells them, in the order of first use.
    ``tree`` is the statement, for readers only; None where it does not parse.
    """

    sql: str
    tables: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    tree: exp.Expr | None = field(default=None, repr=False, compare=False)

    @property
    def valid(self) -> bool:
        return not self.problems


def bind(sql: str, schema: Schema) -> Binding:
    """Check that ``sql`` is one statement of ``schema.dialect`` whose names all exist in scope.

    Queries, INSERT, UPDATE, DELETE and MERGE are understood; anything else is a problem.
    Never raises on any text, and never runs anything.
    """
    try:
        tokens = tokenize(sql, schema.dialect)
        tree = _single_statement(tokens, sql, schema.dialect)
    except UnparsableError as error:
        return Binding(sql, problems=(error.message,))
    resolver = Resolver(schema)
    try:
        resolver.problems += syntax_problems(tree, tokens, sql, schema.dialect)
        _resolve(resolver, tree)
    except RecursionError:
        return Binding(sql, problems=("The query is nested too deeply to be checked.",))
    return Binding(sql, tuple(resolver.tables), tuple(dict.fromkeys(resolver.problems)), tree)


def _single_statement(tokens: list[Token], sql: str, dialect: str) -> exp.Expr:
    if not tokens:
        raise UnparsableError("There is no SQL statement here.")
    trees = [
        tree for tree in parse_tokens(tokens, sql, dialect) if not isinstance(tree, exp.Semicolon)
    ]
    if not trees:
        raise UnparsableError("There is no SQL statement here.")
    if len(trees) > 1:
        raise UnparsableError("There is more than one SQL statement here; write one only.")
    return trees[0]


def _resolve(resolver: Resolver, tree: exp.Expr) -> None:
    if isinstance(tree, exp.Query | exp.Values):
        resolver.query(tree, None, {})
    elif isinstance(tree, exp.Insert | exp.Update | exp.Delete | exp.Merge):
        resolve_dml(resolver, tree)
    else:
        resolver.report("Only SELECT, INSERT, UPDATE, DELETE and MERGE statements can be checked.")
