"""How two queries differ, and what class of SQL one is: by their syntax trees in canonical form."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from squill.canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from squill.schema import Schema

CLASSES = ("single table", "join", "group", "nested")

KINDS = (
    "not answered",
    "wrong table",
    "wrong join",
    "wrong nesting",
    "wrong aggregate",
    "wrong column",
    "missing column",
    "extra column",
    "wrong column order",
    "wrong DISTINCT",
    "missing condition",
    "extra condition",
    "wrong condition column",
    "wrong operator",
    "wrong value",
    "wrong AND or OR",
    "wrong grouping",
    "wrong order or limit",
    "other",
)

_CONNECTIVES = (exp.And, exp.Or, exp.Paren)
_ORDER = ("order", "limit", "offset")


def sql_class(sql: str) -> str:
    """``nested``: more than one SELECT; ``group``: GROUP BY; ``join``: more than one table."""
    tree = _parsed(sql)
    if tree is None:
        return "nested" if sql.lower().count("select") > 1 else "single table"
    if len(list(tree.find_all(exp.Select))) > 1:
        return "nested"
    if tree.find(exp.Group):
        return "group"
    return "join" if len(list(tree.find_all(exp.Table))) > 1 else "single table"


def error_kinds(predicted: str | None, gold: str, schema: Schema) -> tuple[str, ...]:
    """In which ways the prediction differs from the gold query, in the order of `KINDS`.

    Empty where both have the same canonical form. Names are compared as what they stand for in
    ``schema``, without aliases, qualifiers and letter case.
    """
    if predicted is None:
        return ("not answered",)
    forms = canonical(predicted, schema), canonical(gold, schema)
    if forms[0] == forms[1] is not None:
        return ()
    own, wanted = (_parsed(form or sql) for form, sql in zip(forms, (predicted, gold), strict=True))
    if own is None or wanted is None:
        return ("other",)
    found = set(_different(own, wanted))
    return tuple(kind for kind in KINDS if kind in found) or ("other",)


def parses(sql: str) -> bool:
    return _parsed(sql) is not None


def _parsed(sql: str) -> exp.Query | None:
    try:
        tree = sqlglot.parse_one(sql, dialect="sqlite")
    except (SqlglotError, RecursionError):
        return None
    return tree if isinstance(tree, exp.Query) else None


def _different(own: exp.Query, wanted: exp.Query) -> Iterator[str]:
    pairs = list(own.find_all(exp.Select)), list(wanted.find_all(exp.Select))
    if len(pairs[0]) != len(pairs[1]) or _set_operations(own) != _set_operations(wanted):
        yield "wrong nesting"
    for one, other in zip(*pairs, strict=False):
        yield from _tables(one, other)
        yield from _columns(one, other)
        yield from _conditions(one, other)
        yield from _shape(one, other)
    if isinstance(own, exp.SetOperation) and _texts(own, _ORDER) != _texts(wanted, _ORDER):
        yield "wrong order or limit"


def _set_operations(tree: exp.Query) -> list[str]:
    return [type(node).__name__ for node in tree.find_all(exp.SetOperation)]


def _tables(own: exp.Select, wanted: exp.Select) -> Iterator[str]:
    names = [Counter(_names(_sources(tree), exp.Table)) for tree in (own, wanted)]
    joins = [Counter(map(_text, tree.args.get("joins") or ())) for tree in (own, wanted)]
    if sum(names[0].values()) != sum(names[1].values()):
        yield "wrong join"
    elif names[0] != names[1]:
        yield "wrong table" if not any(joins) else "wrong join"
    elif _join_conditions(own) != _join_conditions(wanted):
        yield "wrong join"


def _sources(tree: exp.Select) -> list[exp.Expr]:
    start = tree.args.get("from_") or tree.args.get("from")
    return [node for node in (start, *(tree.args.get("joins") or ())) if node is not None]


def _join_conditions(tree: exp.Select) -> Counter[str]:
    """Sides and equal operands in one order; how the join is called (INNER, CROSS) as well."""
    found: Counter[str] = Counter()
    for join in tree.args.get("joins") or ():
        found[str(join.side or "").lower()] += 1
        for leaf in _leaves(join.args.get("on")):
            operands = sorted(_text(part) for part in leaf.iter_expressions())
            found[f"{type(leaf).__name__} {operands}"] += 1
    return found


def _columns(own: exp.Select, wanted: exp.Select) -> Iterator[str]:
    lists = [tree.expressions for tree in (own, wanted)]
    aggregates = [[_aggregates(item) for item in items] for items in lists]
    columns = [[_names([item], exp.Column) or ["*"] for item in items] for items in lists]
    if len(lists[0]) != len(lists[1]):
        yield "missing column" if len(lists[0]) < len(lists[1]) else "extra column"
    else:
        if _bag(aggregates[0]) != _bag(aggregates[1]):
            yield "wrong aggregate"
        if _bag(columns[0]) != _bag(columns[1]):
            yield "wrong column"
        elif columns[0] != columns[1]:
            yield "wrong column order"
    if bool(own.args.get("distinct")) != bool(wanted.args.get("distinct")):
        yield "wrong DISTINCT"


def _bag(lists: Iterable[list[str]]) -> Counter[str]:
    return Counter(" ".join(items) for items in lists)


def _aggregates(node: exp.Expr) -> list[str]:
    return [type(call).__name__ for call in _own(node, exp.AggFunc)]


@dataclass(frozen=True, slots=True)
class _Condition:
    column: str
    operator: str
    value: str

    def common(self, other: _Condition) -> int:
        """How much two have in common; the column counts most."""
        column, value = self.column == other.column, self.value == other.value
        return 4 * column + 2 * value + (self.operator == other.operator)


def _conditions(own: exp.Select, wanted: exp.Select) -> Iterator[str]:
    clauses = [[tree.args.get("where"), tree.args.get("having")] for tree in (own, wanted)]
    bags = [
        Counter(_condition(leaf) for clause in both if clause for leaf in _leaves(clause.this))
        for both in clauses
    ]
    left, missed = list((bags[0] - bags[1]).elements()), list((bags[1] - bags[0]).elements())
    while left and missed:
        one, other = max(
            ((a, b) for a in left for b in missed), key=lambda pair: pair[0].common(pair[1])
        )
        left.remove(one)
        missed.remove(other)
        yield from _unlike(one, other)
    if left:
        yield "extra condition"
    if missed:
        yield "missing condition"
    if sum(bags[0].values()) == sum(bags[1].values()) and _ors(own) != _ors(wanted):
        yield "wrong AND or OR"


def _unlike(one: _Condition, other: _Condition) -> Iterator[str]:
    if one.column != other.column:
        yield "wrong condition column"
    if one.operator != other.operator:
        yield "wrong operator"
    if one.value != other.value:
        yield "wrong value"


def _ors(tree: exp.Select) -> int:
    where = tree.args.get("where")
    return len(list(_own(where, exp.Or))) if where else 0


def _leaves(node: exp.Expr | None) -> Iterator[exp.Expr]:
    if isinstance(node, _CONNECTIVES):
        for part in node.iter_expressions():
            yield from _leaves(part)
    elif node is not None:
        yield node


def _condition(leaf: exp.Expr) -> _Condition:
    names = [*_aggregates(leaf), *_names([leaf], exp.Column)]
    inner = leaf.this if isinstance(leaf, exp.Not) else leaf
    operator = f"{'not ' if inner is not leaf else ''}{type(inner).__name__}"
    values = [_value(node) for node in _own(leaf, exp.Literal, exp.Null, exp.Boolean)]
    return _Condition(" ".join(names), operator, " ".join(values))


def _value(node: exp.Expr) -> str:
    return "".join(_text(node).strip("'").split())


def _shape(own: exp.Select, wanted: exp.Select) -> Iterator[str]:
    if _texts(own, ("group",)) != _texts(wanted, ("group",)):
        yield "wrong grouping"
    if _texts(own, _ORDER) != _texts(wanted, _ORDER):
        yield "wrong order or limit"


def _texts(tree: exp.Query, names: Iterable[str]) -> list[str]:
    clauses = (tree.args.get(name) for name in names)
    return [_text(clause) for clause in clauses if clause is not None]


def _text(node: exp.Expr) -> str:
    return node.sql(dialect="sqlite").lower()


def _names(nodes: Iterable[exp.Expr], kind: type[exp.Expr]) -> list[str]:
    return [found.name.lower() for node in nodes for found in _own(node, kind)]


def _own(node: exp.Expr, *kinds: type[exp.Expr]) -> Iterator[exp.Expr]:
    """Those of the kinds below ``node`` that belong to no query nested in it."""
    walk = node.walk(prune=lambda inner: isinstance(inner, exp.Query))
    return (found for found in walk if isinstance(found, kinds))
