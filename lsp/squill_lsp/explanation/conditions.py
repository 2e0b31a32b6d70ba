"""Words for what is true or false of a row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from squill_lsp.explanation.base import Context, bracketed, listed, worded

if TYPE_CHECKING:
    from collections.abc import Callable

    Condition = Callable[[exp.Expr, Context, bool], str]

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "is",
    exp.NEQ: "is not",
    exp.GT: "is more than",
    exp.GTE: "is at least",
    exp.LT: "is less than",
    exp.LTE: "is at most",
    exp.NullSafeEQ: "is",
    exp.NullSafeNEQ: "is not",
    exp.RegexpLike: "matches",
    exp.SimilarTo: "matches",
    exp.Glob: "matches",
}
_OF_TIME: dict[type[exp.Expr], str] = {
    exp.GT: "is after",
    exp.GTE: "is on or after",
    exp.LT: "is before",
    exp.LTE: "is on or before",
}
_TIME = re.compile(r"'?\d{4}-\d\d(?:-\d\d|\b)")


def _comparison(node: exp.Expr, context: Context) -> str:
    left, right = (bracketed(worded(side, context)) for side in (node.this, node.expression))
    verbs = _OF_TIME if _TIME.match(right) or right == "today" else {}
    return f"{left} {verbs.get(type(node)) or _COMPARISONS[type(node)]} {right}"


for _kind in _COMPARISONS:
    worded.register(_kind, _comparison)


@worded.register
def _(node: exp.And, context: Context) -> str:
    return f"{worded(node.this, context)} and {worded(node.expression, context)}"


@worded.register
def _(node: exp.Or, context: Context) -> str:
    return f"{worded(node.this, context)} or {worded(node.expression, context)}"


@worded.register
def _(node: exp.Not, context: Context) -> str:
    if condition := _TRUE_OR_FALSE.get(type(node.this)):
        return condition(node.this, context, False)
    said = worded(node.this, context)
    return f"not {said}" if said.startswith("(") else f"not ({said})"


def _is(node: exp.Expr, context: Context, wanted: bool) -> str:
    said = worded(node.this, context)
    if isinstance(node.expression, exp.Null):
        return f"{said} is {'missing' if wanted else 'known'}"
    return f"{said} is {'' if wanted else 'not '}{worded(node.expression, context)}"


def _between(node: exp.Expr, context: Context, wanted: bool) -> str:
    low, high = worded(node.args["low"], context), worded(node.args["high"], context)
    return f"{worded(node.this, context)} is {'' if wanted else 'not '}between {low} and {high}"


def _in(node: exp.Expr, context: Context, wanted: bool) -> str:
    said = worded(node.this, context)
    if isinstance(query := node.args.get("query"), exp.Expr):
        among = bracketed(worded(query.unnest(), context))
        return f"{said} is {'' if wanted else 'not '}among {among}"
    options = listed((worded(option, context) for option in node.expressions), "or")
    return f"{said} is {'one' if wanted else 'none'} of {options}"


def _like(node: exp.Expr, context: Context, wanted: bool) -> str:
    wanted = wanted != bool(node.args.get("negate"))
    pattern = node.expression
    text = pattern.name if isinstance(pattern, exp.Literal) else ""
    inner = text.strip("%")
    verb, does = _likeness(text, inner)
    value = f"'{inner}'" if does else worded(pattern, context)
    if not wanted:
        verb = f"does not {does}" if does else "is not like"
    case = " in any letter case" if isinstance(node, exp.ILike) else ""
    return f"{worded(node.this, context)} {verb} {value}{case}"


def _likeness(text: str, inner: str) -> tuple[str, str]:
    """What a pattern says as "contains" and "contain"; the second is empty for none of these."""
    if not inner or "%" in inner or "_" in inner or text == inner:
        return "is like", ""
    if text == f"{inner}%":
        return "starts with", "start with"
    if text == f"%{inner}":
        return "ends with", "end with"
    return "contains", "contain"


_TRUE_OR_FALSE: dict[type[exp.Expr], Condition] = {
    exp.Is: _is,
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.ILike: _like,
}


def can_be_negative(kind: type[exp.Expr], condition: Condition) -> None:
    """Have ``condition`` word nodes of ``kind``, with True, and those under a NOT, with False."""
    _TRUE_OR_FALSE[kind] = condition
    worded.register(kind, lambda node, context: condition(node, context, True))


for _kind, _condition in list(_TRUE_OR_FALSE.items()):
    can_be_negative(_kind, _condition)
