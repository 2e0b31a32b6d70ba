"""The values that a column may have, from its ENUM type and from CHECK constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def enum_values(kind: object) -> tuple[str, ...]:
    """The values of an ENUM or SET type, as they are stored."""
    if not isinstance(kind, exp.DataType) or kind.this not in (exp.DType.ENUM, exp.DType.SET):
        return ()
    return tuple(item.name for item in kind.expressions if isinstance(item, exp.Literal))


def checked_values(constraints: Iterable[exp.Expr | None]) -> Mapping[str, tuple[str, ...]]:
    """The values that the CHECKs among ``constraints`` allow, by the column's name in lower case.

    Understood are ``c IN (…)``, ``c = ANY (ARRAY[…])`` and equations joined by OR; conditions of
    another form limit a column, but don't list its values.
    """
    found: dict[str, tuple[str, ...]] = {}
    for constraint in constraints:
        for check in _checks(constraint):
            for column, values in _listed(check.this):
                if values:
                    found[column.casefold()] = values
    return found


def _checks(constraint: exp.Expr | None) -> Iterator[exp.CheckColumnConstraint]:
    if isinstance(constraint, exp.CheckColumnConstraint):
        yield constraint
    elif isinstance(constraint, exp.Constraint | exp.AddConstraint):
        for part in constraint.expressions:
            yield from _checks(part)


def _listed(condition: object) -> Iterator[tuple[str, tuple[str, ...]]]:
    match condition:
        case exp.Paren():
            yield from _listed(condition.this)
        case exp.And():
            yield from _listed(condition.this)
            yield from _listed(condition.expression)
        case exp.Or():
            parts = [*_listed(condition.this), *_listed(condition.expression)]
            if len(parts) > 1 and len({column for column, _ in parts}) == 1:
                yield parts[0][0], tuple(value for _, values in parts for value in values)
        case exp.In():
            yield from _of(condition.this, condition.expressions)
        case exp.EQ():
            yield from _of(condition.this, _alternatives(condition.expression))


def _alternatives(node: object) -> list[exp.Expr]:
    if isinstance(node, exp.Any):
        array = node.find(exp.Array)
        return list(array.expressions) if array else []
    return [node] if isinstance(node, exp.Expr) else []


def _of(column: object, items: Iterable[exp.Expr]) -> Iterator[tuple[str, tuple[str, ...]]]:
    named = _bare(column)
    literals = [_bare(item) for item in items]
    if isinstance(named, exp.Column) and all(isinstance(item, exp.Literal) for item in literals):
        yield named.name, tuple(item.name for item in literals if isinstance(item, exp.Literal))


def _bare(node: object) -> object:
    """Without casts and parentheses, which a dump writes around names and texts."""
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    return node
