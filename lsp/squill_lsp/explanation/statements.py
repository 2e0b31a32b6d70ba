"""Sentences for whole statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from squill_lsp.explanation.base import Context, context_of, listed, sentence, spoken, worded
from squill_lsp.explanation.queries import row_clauses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_EXPLAINED = (exp.Select, exp.SetOperation, exp.Subquery, exp.Insert, exp.Update, exp.Delete)


def is_explained(tree: exp.Expr) -> bool:
    return isinstance(tree, _EXPLAINED)


def sentences(tree: exp.Expr, dialect: str) -> list[str]:
    """What `explain` gives, for a tree that `is_explained`."""
    return [*_common_tables(tree, dialect), sentence(_main(tree, dialect))]


def _common_tables(tree: exp.Expr, dialect: str) -> Iterator[str]:
    with_ = tree.args.get("with_")
    for table in with_.expressions if isinstance(with_, exp.With) else ():
        said = worded(table.this, Context(dialect))
        yield f"{spoken(table.alias).capitalize()}: {said}."


def _main(tree: exp.Expr, dialect: str) -> str:
    if isinstance(tree, exp.Insert):
        return _insert(tree, dialect)
    if isinstance(tree, exp.Update):
        return _update(tree, dialect)
    if isinstance(tree, exp.Delete):
        return _delete(tree, dialect)
    return worded(tree, Context(dialect))


def _insert(tree: exp.Insert, dialect: str) -> str:
    target, names = tree.this, ""
    if isinstance(target, exp.Schema):
        names = f" ({listed(spoken(column.name) for column in target.expressions)})"
        target = target.this
    rows = tree.expression
    what = worded(rows, Context(dialect)) if isinstance(rows, exp.Expr) else "a row of defaults"
    return f"add to {spoken(target.name)}{names} {what}{_on_conflict(tree, dialect)}"


def _on_conflict(tree: exp.Insert, dialect: str) -> str:
    conflict = tree.args.get("conflict")
    if not isinstance(conflict, exp.OnConflict):
        return ""
    if not conflict.expressions:
        return ", leaving rows alone that are there already"
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    context = Context(dialect, {target.alias_or_name.casefold(): spoken(target.name)})
    return f", and for rows that are there already set {_set(conflict.expressions, context)}"


def _update(tree: exp.Update, dialect: str) -> str:
    context = context_of(tree, dialect)
    said = f"in {spoken(tree.this.name)} set {_set(tree.expressions, context)}"
    from_ = tree.args.get("from_")
    if isinstance(from_, exp.From):
        said += f", with {worded(from_.this, context)}"
    return said + row_clauses(tree, context)


def _set(assignments: Iterable[exp.Expr], context: Context) -> str:
    return listed(
        f"{spoken(item.this.name)} to {worded(item.expression, context)}"
        for item in assignments
        if isinstance(item, exp.EQ)
    )


def _delete(tree: exp.Delete, dialect: str) -> str:
    context = context_of(tree, dialect)
    which = "" if tree.args.get("where") else "all "
    return f"delete {which}{spoken(tree.this.name)}{row_clauses(tree, context)}"
