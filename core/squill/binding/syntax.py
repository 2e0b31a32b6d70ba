"""What sqlglot's lenient parser lets pass, but no database of the dialect does."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from sqlglot import TokenType, exp

from squill.binding.functions import FUNCTIONS
from squill.binding.scope import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlglot import Token

_BEFORE_LIST = frozenset({TokenType.SELECT, TokenType.L_PAREN, TokenType.DISTINCT, TokenType.COMMA})
_AFTER_LIST = frozenset(
    {
        TokenType.FROM,
        TokenType.WHERE,
        TokenType.GROUP_BY,
        TokenType.HAVING,
        TokenType.ORDER_BY,
        TokenType.LIMIT,
        TokenType.UNION,
        TokenType.R_PAREN,
    }
)

_NO_LIMIT = frozenset({"tsql", "oracle"})
_LIKE_WITHOUT_CASE = frozenset({"postgres", "duckdb", "snowflake"})
_COLON_CASTS = frozenset({"postgres", "duckdb", "snowflake"})
_QUALIFY = frozenset({"duckdb", "bigquery", "snowflake"})
_DISTINCT_ON = frozenset({"postgres", "duckdb"})


def syntax_problems(
    tree: exp.Expr, tokens: Sequence[Token], sql: str, dialect: str
) -> Iterator[str]:
    """Sentences about commas, stars, functions and forms that belong to other dialects."""
    yield from _order_problems(tokens, dialect)
    yield from _between_problems(tokens)
    kinds = {token.token_type for token in tokens}
    if dialect in _NO_LIMIT and TokenType.LIMIT in kinds:
        yield f"LIMIT is not part of {dialect}; use {_ROW_LIMIT[dialect]}."
    if dialect not in _COLON_CASTS and TokenType.DCOLON in kinds:
        yield f"`::` is not part of {dialect}; use CAST(… AS …)."
    for node in tree.walk():
        if (problem := _node_problem(node, dialect)) is not None:
            yield problem
        if isinstance(node, exp.Func) and (problem := _function_problem(node, sql, dialect)):
            yield problem


_STARTS_WITH_FROM = "The query starts with FROM; start it with SELECT."
_ROW_LIMIT = {"tsql": "SELECT TOP n", "oracle": "FETCH FIRST n ROWS ONLY"}


def _order_problems(tokens: Sequence[Token], dialect: str) -> Iterator[str]:
    if tokens[0].token_type == TokenType.FROM and dialect != "duckdb":
        yield _STARTS_WITH_FROM
    for before, token in pairwise(tokens):
        kinds = (before.token_type, token.token_type)
        if kinds[1] == TokenType.COMMA and kinds[0] in _BEFORE_LIST:
            yield f"Nothing stands before the comma after `{before.text}`."
        elif kinds[0] == TokenType.COMMA and kinds[1] in _AFTER_LIST:
            yield f"Nothing stands between the comma and `{token.text}`."
        elif kinds == (TokenType.L_PAREN, TokenType.FROM) and dialect != "duckdb":
            yield _STARTS_WITH_FROM
        elif token.text == "!" and kinds[1] == TokenType.NOT and dialect != "mysql":
            yield "`!` is no operator; use NOT or <>."
        elif kinds == (TokenType.NUMBER, TokenType.VAR) and before.end + 1 == token.start:
            name = f"{before.text}{token.text}"
            yield f"The name `{name}` starts with a digit and must be quoted."


def _between_problems(tokens: Sequence[Token]) -> Iterator[str]:
    """BETWEEN without its AND, which sqlglot does not miss."""
    open_at: list[int] = []
    depth = 0
    for token in tokens:
        kind = token.token_type
        depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
        if kind == TokenType.BETWEEN:
            open_at.append(depth)
        elif kind == TokenType.AND and open_at and open_at[-1] == depth:
            open_at.pop()
    if open_at:
        yield "BETWEEN needs two values: BETWEEN a AND b."


def _node_problem(node: exp.Expr, dialect: str) -> str | None:
    if isinstance(node, exp.Star):
        return None if _star_may_stand(node) else "`*` stands where a column should."
    if isinstance(node, exp.Distinct) and isinstance(node.parent, exp.AggFunc):
        return None if node.expressions else "DISTINCT names no column."
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Func):
        allowed = dialect not in ("sqlite", "mysql") and not isinstance(
            node.expression, exp.AggFunc
        )
        return None if allowed else f"`{node.sql(dialect=dialect)}` is no function call."
    if isinstance(node, exp.Limit | exp.Offset) and node.expression:
        column = node.expression.find(exp.Column)
        return f"LIMIT needs a number, not the column `{column.name}`." if column else None
    if isinstance(node, exp.Group) and not any(node.args.values()):
        return "GROUP BY names no column."
    return _foreign_form(node, dialect)


def _function_problem(node: exp.Func, sql: str, dialect: str) -> str | None:
    """A call of a function that the dialect does not have, by the name that was written."""
    known = FUNCTIONS.get(dialect)
    start, end = node.meta.get("start"), node.meta.get("end")
    if known is None or start is None or end is None:
        return None
    name = sql[start : end + 1]
    if not name.isidentifier() or name.casefold() in known:
        return None
    return f"There is no function `{name}` in {dialect}{suggestion(name, known)}"


def _star_may_stand(node: exp.Star) -> bool:
    parent = node.parent
    if isinstance(parent, exp.Column | exp.Dot):
        parent = parent.parent
    if isinstance(parent, exp.Func):
        return isinstance(parent, exp.Count | exp.Columns | exp.Anonymous)
    return isinstance(parent, exp.Select | exp.Returning)


def _foreign_form(node: exp.Expr, dialect: str) -> str | None:
    if isinstance(node, exp.ILike) and dialect not in _LIKE_WITHOUT_CASE:
        return f"ILIKE is not part of {dialect}; use LOWER(…) LIKE."
    if isinstance(node, exp.Qualify) and dialect not in _QUALIFY:
        return f"QUALIFY is not part of {dialect}; filter an outer query."
    if isinstance(node, exp.Distinct) and node.args.get("on") and dialect not in _DISTINCT_ON:
        return f"DISTINCT ON is not part of {dialect}."
    if dialect == "sqlite" and isinstance(node, exp.TableAlias) and node.columns:
        named_cte = isinstance(node.parent, exp.CTE)
        return None if named_cte else f"sqlite has no column list after the alias `{node.name}`."
    if isinstance(node, exp.Join) and node.side == "FULL" and dialect == "mysql":
        return "FULL JOIN is not part of mysql; use a UNION of two outer joins."
    return None
