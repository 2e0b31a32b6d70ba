"""Words for queries: what is selected, from where, which rows, in what order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from squill_lsp.explanation.base import Context, bracketed, context_of, listed, spoken, worded
from squill_lsp.explanation.conditions import can_be_negative
from squill_lsp.explanation.values import listed_values, ordering

if TYPE_CHECKING:
    from collections.abc import Iterator

_SET_OPERATIONS: dict[type[exp.Expr], str] = {
    exp.Union: "together with",
    exp.Intersect: "only what is also among",
    exp.Except: "without",
}
_ONE_ROW = "1"


@worded.register
def _(node: exp.Select, outer: Context) -> str:
    context = _inside(node, outer)
    said = _selected(node, context)
    return said + _from(node, said, context) + row_clauses(node, context) + _end(node, context)


@worded.register
def _(node: exp.SetOperation, context: Context) -> str:
    left, right = worded(node.this, context), worded(node.expression, context)
    said = f"{left}; {_SET_OPERATIONS[type(node)]} {right}"
    if isinstance(node, exp.Union) and node.args.get("distinct"):
        said += ", each row once"
    return said + _end(node, replace(context, outputs=node.selects))


@worded.register
def _(node: exp.Subquery, context: Context) -> str:
    return worded(node.this, context)


@worded.register
def _(node: exp.Values, _: Context) -> str:
    count = len(node.expressions)
    return "the given row" if count == 1 else f"the {count} given rows"


def _exists(node: exp.Expr, outer: Context, wanted: bool) -> str:
    """A subquery of which only the rows count."""
    query = node.this.unnest()
    there_are = f"there are {'' if wanted else 'no '}"
    if not isinstance(query, exp.Select) or not query.args.get("from_"):
        return f"{there_are}rows of {bracketed(worded(query, outer))}"
    context = _inside(query, outer)
    return f"{there_are}{_tables(query, context)}{row_clauses(query, context)}"


can_be_negative(exp.Exists, _exists)


def _inside(query: exp.Expr, outer: Context) -> Context:
    """The context of a query within another one, whose tables it may name too."""
    own = context_of(query, outer.dialect)
    around = {name: said for name, said in outer.tables.items() if name not in own.tables}
    return replace(own, around=around)


def _selected(node: exp.Select, context: Context) -> str:
    items = [worded(item, context) for item in node.expressions]
    said = listed(items)
    if node.args.get("distinct"):
        return f"the different {said.removeprefix('the ')}"
    first = node.expressions[0].unalias() if node.expressions else None
    is_name = isinstance(first, exp.Column) and not isinstance(first.this, exp.Star)
    return f"the {said}" if is_name else said


def _from(node: exp.Select, said: str, context: Context) -> str:
    """Nothing where ``said`` has counted the rows of the only table."""
    if not node.args.get("from_"):
        return ""
    only = context.only_table
    if only and f"the number of {only}" in said:
        return ""
    is_simple = only and " of " not in said
    return f"{' of' if is_simple else ', from'} {_tables(node, context)}"


def _tables(node: exp.Expr, context: Context) -> str:
    first = node.args["from_"].this
    joins = [*(first.args.get("joins") or ()), *(node.args.get("joins") or ())]
    return _table(first, context) + "".join(_join(join, context) for join in joins)


def _table(source: exp.Expr, context: Context) -> str:
    if isinstance(source, exp.Subquery):
        return f"({worded(source.this, context)})"
    if not isinstance(source, exp.Table) or not isinstance(source.this, exp.Identifier):
        return worded(source.this if isinstance(source, exp.Table) else source, context)
    called = context.tables.get(source.alias_or_name.casefold(), "")
    name = spoken(source.name)
    return name if called == name else f"{name} ({called})"


def _join(join: exp.Join, context: Context) -> str:
    table, condition = _table(join.this, context), _matching(join, context)
    if not condition:
        return f" in every combination with {table}"
    match join.side.upper() or join.kind.upper():
        case "LEFT":
            return f", with any {table}{condition}"
        case "RIGHT":
            return f", with all {table}, matched or not,{condition}"
        case "FULL":
            return f", with {table}{condition}, keeping what has no match on either side"
    return f" with the {table}{condition}"


def _matching(join: exp.Join, context: Context) -> str:
    if using := join.args.get("using"):
        return f" of the same {listed(spoken(column.name) for column in using)}"
    if join.method.upper() == "NATURAL":
        return " that agree in all columns of the same name"
    on = join.args.get("on")
    if not isinstance(on, exp.Expr):
        return ""
    return _whose(on, join.this.alias_or_name, context) or f" where {worded(on, context)}"


def _whose(on: exp.Expr, joined: str, context: Context) -> str:
    """ "whose id is customer id of orders", for the equality of two columns."""
    if not isinstance(on, exp.EQ):
        return ""
    for own, other in ((on.this, on.expression), (on.expression, on.this)):
        are_columns = isinstance(own, exp.Column) and isinstance(other, exp.Column)
        if are_columns and own.table.casefold() == joined.casefold():
            return f" whose {spoken(own.name)} is {worded(other, context)}"
    return ""


def row_clauses(node: exp.Expr, context: Context) -> str:
    """Which rows, and how they are grouped."""
    return "".join(_row_clauses(node, context))


def _row_clauses(node: exp.Expr, context: Context) -> Iterator[str]:
    pause = "," if len(context.tables) > 1 else ""
    if isinstance(where := node.args.get("where"), exp.Where):
        yield f"{pause} where {worded(where.this, context)}"
    if isinstance(group := node.args.get("group"), exp.Group):
        keys = listed_values(group.expressions, context)
        yield f"{pause} for each {keys}" if keys else f"{pause} grouped by {worded(group, context)}"
    for key in ("having", "qualify"):
        if isinstance(kept := node.args.get(key), exp.Expr):
            yield f", only where {worded(kept.this, context)}"


def _end(node: exp.Expr, context: Context) -> str:
    return "".join(_end_clauses(node, context))


def _end_clauses(node: exp.Expr, context: Context) -> Iterator[str]:
    if isinstance(order := node.args.get("order"), exp.Order):
        yield f", sorted by {ordering(order.expressions, context)}"
    if isinstance(offset := node.args.get("offset"), exp.Offset):
        yield f", leaving out the first {worded(offset.expression, context)}"
    limit = node.args.get("limit")
    count = (
        limit.args.get("count" if isinstance(limit, exp.Fetch) else "expression") if limit else None
    )
    if isinstance(count, exp.Expr):
        number = worded(count, context)
        yield ", the first one only" if number == _ONE_ROW else f", the first {number} only"
