"""The parts that all wording shares: names as words, lists, and the dispatch by node."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import singledispatch
from typing import TYPE_CHECKING

from sqlglot import exp

from squill.prompt.words import identifier_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Context:
    """What a query calls its tables. ``tables`` maps each qualifier to how it is spoken of.

    ``outputs`` are the select list's elements, which ORDER BY and GROUP BY may name by number.
    """

    dialect: str
    tables: dict[str, str] = field(default_factory=dict)
    outputs: Sequence[exp.Expr] = ()
    around: dict[str, str] = field(default_factory=dict)
    """``tables`` of the queries around this one."""

    @property
    def only_table(self) -> str:
        """The one table that rows come from, empty where there are several or none."""
        return next(iter(self.tables.values())) if len(self.tables) == 1 else ""


@singledispatch
def worded(node: exp.Expr, context: Context) -> str:
    """English for a node, without a capital or full stop; its SQL where there is no better."""
    return as_code(node, context)


def as_code(node: exp.Expr, context: Context) -> str:
    return f"`{node.sql(dialect=context.dialect, comments=False)}`"


def spoken(name: str) -> str:
    """``customer_id``, ``CustomerID``: "customer id"."""
    return " ".join(identifier_words(name)) or name


def listed(items: Iterable[str], last: str = "and") -> str:
    """ "a, b and c"."""
    *before, final = list(items) or [""]
    return f"{', '.join(before)} {last} {final}" if before else final


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def bracketed(text: str) -> str:
    """In brackets where it would run into what follows."""
    return f"({text})" if any(mark in text for mark in (",", ";", " where ")) else text


def context_of(query: exp.Expr, dialect: str) -> Context:
    """What ``query`` calls the tables of its own FROM clause."""
    sources = list(_sources(query))
    times = Counter(_table_words(source) for source in sources)
    tables = {source.alias_or_name.casefold(): _called(source, times) for source in sources}
    return Context(dialect, tables, query.expressions if isinstance(query, exp.Select) else ())


def _sources(query: exp.Expr) -> Iterable[exp.Expr]:
    if isinstance(query, exp.Update | exp.Delete):
        yield query.this
    from_ = query.args.get("from_")
    if isinstance(from_, exp.From):
        yield from_.this
        yield from (join.this for join in from_.this.args.get("joins") or ())
    yield from (join.this for join in query.args.get("joins") or ())


def _table_words(source: exp.Expr) -> str:
    return spoken(source.name) if isinstance(source, exp.Table) else ""


def _called(source: exp.Expr, times: Mapping[str, int]) -> str:
    """A table's name; its alias where it stands twice, or is a subquery."""
    name = _table_words(source)
    return name if name and times[name] == 1 else spoken(source.alias_or_name)
