"""Words for what has a value: columns, literals, aggregates, functions, windows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from squill_lsp.explanation.base import Context, as_code, bracketed, listed, spoken, worded

if TYPE_CHECKING:
    from collections.abc import Iterable

_AGGREGATES: dict[type[exp.Expr], str] = {
    exp.Sum: "the total",
    exp.Avg: "the average",
    exp.Min: "the lowest",
    exp.Max: "the highest",
    exp.Median: "the median",
    exp.Stddev: "the standard deviation of",
    exp.StddevPop: "the standard deviation of",
    exp.StddevSamp: "the standard deviation of",
    exp.Variance: "the variance of",
    exp.GroupConcat: "the list of",
    exp.ArrayAgg: "the list of",
    exp.FirstValue: "the first",
    exp.LastValue: "the last",
    exp.Lag: "the previous",
    exp.Lead: "the next",
    exp.Abs: "the absolute value of",
    exp.Length: "the length of",
    exp.Year: "the year of",
    exp.Month: "the month of",
    exp.Day: "the day of",
    exp.Date: "the date of",
    exp.Ceil: "the next whole number above",
    exp.Floor: "the next whole number below",
}
_ALONE: dict[type[exp.Expr], str] = {
    exp.RowNumber: "the row number",
    exp.Rank: "the rank",
    exp.DenseRank: "the rank without gaps",
    exp.PercentRank: "the rank as a share",
    exp.CumeDist: "the cumulative share",
    exp.CurrentDate: "today",
    exp.CurrentTimestamp: "the present time",
    exp.Null: "nothing",
    exp.Star: "all columns",
    exp.Rand: "a random number",
}
_OPERATORS: dict[type[exp.Expr], str] = {
    exp.Add: "plus",
    exp.Sub: "minus",
    exp.Mul: "times",
    exp.Div: "divided by",
    exp.IntDiv: "divided by",
    exp.Mod: "modulo",
    exp.DPipe: "followed by",
}
_UNITS = {
    "%Y": "year",
    "%m": "month",
    "%Y-%m": "month",
    "%d": "day",
    "%Y-%m-%d": "day",
    "%H": "hour",
    "%w": "day of the week",
}
"""What a time format leaves of a time."""


@worded.register
def _(node: exp.Column, context: Context) -> str:
    qualifier = node.table.casefold()
    called = (context.around | context.tables).get(qualifier) or spoken(node.table)
    if isinstance(node.this, exp.Star):
        return f"all columns of {called}"
    name = spoken(node.name)
    is_plain = not qualifier or (len(context.tables) == 1 and qualifier in context.tables)
    return name if is_plain else f"{name} of {called}"


@worded.register
def _(node: exp.Identifier, _: Context) -> str:
    return spoken(node.name)


@worded.register
def _(node: exp.Literal, _: Context) -> str:
    return f"'{node.name}'" if node.is_string else node.name


@worded.register
def _(node: exp.Boolean, _: Context) -> str:
    return "true" if node.this else "false"


@worded.register
def _(node: exp.Neg, context: Context) -> str:
    return f"-{worded(node.this, context)}"


@worded.register
def _(node: exp.Paren, context: Context) -> str:
    return f"({worded(node.this, context)})"


@worded.register
def _(node: exp.Cast, context: Context) -> str:
    return worded(node.this, context)


@worded.register
def _(node: exp.Alias, context: Context) -> str:
    """The alias is told where it adds a word."""
    value, name = worded(node.this, context), spoken(node.alias)
    if set(name.split()) <= set(re.findall(r"\w+", value)):
        return value
    return f"{name} ({value})" if "," in value else f"{value} as {name}"


def _aggregate(node: exp.Expr, context: Context) -> str:
    inner = node.this
    if isinstance(inner, exp.Distinct):
        return f"{_AGGREGATES[type(node)]} different {listed_values(inner.expressions, context)}"
    return f"{_AGGREGATES[type(node)]} {bracketed(worded(inner, context))}"


def _alone(node: exp.Expr, _: Context) -> str:
    return _ALONE[type(node)]


def _operation(node: exp.Expr, context: Context) -> str:
    left, right = worded(node.this, context), worded(node.expression, context)
    return f"{left} {_OPERATORS[type(node)]} {right}"


for _kind in _AGGREGATES:
    worded.register(_kind, _aggregate)
for _kind in _ALONE:
    worded.register(_kind, _alone)
for _kind in _OPERATORS:
    worded.register(_kind, _operation)


@worded.register
def _(node: exp.Count, context: Context) -> str:
    inner = node.this
    if isinstance(inner, exp.Distinct):
        return f"the number of different {listed_values(inner.expressions, context)}"
    if isinstance(inner, exp.Column) and not isinstance(inner.this, exp.Star):
        return f"the number of {worded(inner, context)} values"
    return f"the number of {context.only_table or 'rows'}"


@worded.register
def _(node: exp.Filter, context: Context) -> str:
    condition = worded(node.expression.this, context)
    return f"{worded(node.this, context)} (where {condition})"


@worded.register
def _(node: exp.Round, context: Context) -> str:
    digits = node.args.get("decimals")
    value = worded(node.this, context)
    if not isinstance(digits, exp.Expr):
        return f"{value} rounded"
    return f"{value} rounded to {worded(digits, context)} digits"


@worded.register
def _(node: exp.Coalesce, context: Context) -> str:
    others = " or else ".join(worded(item, context) for item in node.expressions)
    return f"{worded(node.this, context)} (or else {others})"


@worded.register
def _(node: exp.Lower, context: Context) -> str:
    return f"{worded(node.this, context)} in lower case"


@worded.register
def _(node: exp.Upper, context: Context) -> str:
    return f"{worded(node.this, context)} in upper case"


@worded.register
def _(node: exp.Extract, context: Context) -> str:
    return f"the {node.name.lower()} of {worded(node.expression, context)}"


@worded.register
def _(node: exp.Concat, context: Context) -> str:
    return " followed by ".join(worded(item, context) for item in node.expressions)


@worded.register
def _(node: exp.Case, context: Context) -> str:
    subject = f"{worded(node.this, context)} is " if node.this else ""
    parts = [
        f"{worded(branch.args['true'], context)} if {subject}{worded(branch.this, context)}"
        for branch in node.args["ifs"]
    ]
    if isinstance(default := node.args.get("default"), exp.Expr):
        parts.append(f"else {worded(default, context)}")
    return ", ".join(parts)


@worded.register
def _(node: exp.Func, context: Context) -> str:
    """Any other function, by the name that the dialect has for it."""
    name, bracket, _ = node.sql(dialect=context.dialect).partition("(")
    if not bracket or not name.isidentifier():
        return as_code(node, context)
    values = [worded(value, context) for value in node.iter_expressions()]
    return f"{name.lower()} of {listed(values)}" if values else name.lower()


@worded.register
def _(node: exp.TimeToStr, context: Context) -> str:
    value, form = worded(node.this, context), node.args["format"].name
    unit = _UNITS.get(form)
    return f"the {unit} of {value}" if unit else f"{value} as '{form}'"


@worded.register
def _(node: exp.TsOrDsToTimestamp, context: Context) -> str:
    return worded(node.this, context)


def _truncated(node: exp.Expr, context: Context) -> str:
    return f"the {node.args['unit'].name.lower()} of {worded(node.this, context)}"


for _kind in (exp.DateTrunc, exp.TimestampTrunc, exp.DatetimeTrunc):
    worded.register(_kind, _truncated)


@worded.register
def _(node: exp.Window, context: Context) -> str:
    said = worded(node.this, context)
    if isinstance(spec := node.args.get("spec"), exp.Expr):
        said += f" over {_frame(spec, context)}"
    elif node.args.get("order") and isinstance(node.this, exp.AggFunc) and _runs(node.this):
        said += " so far"
    if partition := node.args.get("partition_by"):
        said += f" within each {listed_values(partition, context)}"
    if isinstance(order := node.args.get("order"), exp.Order):
        said += f" in order of {ordering(order.expressions, context)}"
    return said


def _runs(node: exp.Expr) -> bool:
    return isinstance(node, exp.Sum | exp.Avg | exp.Min | exp.Max | exp.Count)


def _frame(spec: exp.Expr, context: Context) -> str:
    return spec.sql(dialect=context.dialect).lower()


def listed_values(nodes: Iterable[exp.Expr], context: Context) -> str:
    return listed(worded(output(node, context), context) for node in nodes)


def ordering(nodes: Iterable[exp.Expr], context: Context) -> str:
    """ "amount descending, then name"."""
    return ", then ".join(_ordered(node, context) for node in nodes)


def _ordered(node: exp.Expr, context: Context) -> str:
    if not isinstance(node, exp.Ordered):
        return worded(output(node, context), context)
    said = bracketed(worded(output(node.this, context), context))
    return f"{said} descending" if node.args.get("desc") else said


def output(node: exp.Expr, context: Context) -> exp.Expr:
    """What a number stands for in the select list: the element, or its alias."""
    if isinstance(node, exp.Literal) and node.is_int and 0 < int(node.name) <= len(context.outputs):
        element = context.outputs[int(node.name) - 1]
        return element.args["alias"] if isinstance(element, exp.Alias) else element
    return node
