"""One spelling for queries that differ in spelling alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from squill.errors import SchemaError
from squill.prompt.slots.numbering import Numbering
from squill.prompt.slots.target import to_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.schema import Schema

_SLOT = re.compile(r"<([tca])(\d+)>")


def canonical(sql: str, schema: Schema, *, strict: bool = False) -> str | None:
    """The query without aliases, qualifiers, letter case and the order of its AND conditions.

    Two queries are an exact match where this is equal. None where it does not parse, is no query
    or names what the schema lacks. With ``strict`` the letter case of texts counts, and nothing is
    lost in translation: the canonical form is in the schema's own dialect, not in SQLite's.
    """
    dialect = schema.dialect if strict else "sqlite"
    try:
        numbered = to_target(sql, Numbering(schema, ""), read=schema.dialect, write=dialect)
        tree = sqlglot.parse_one(_SLOT.sub(r"\1_\2", numbered), dialect=dialect)
    except (SchemaError, SqlglotError, RecursionError):
        return None
    _sort_conditions(tree)
    if not strict:
        return tree.sql(dialect=dialect).lower()
    for name in tree.find_all(exp.Identifier):
        name.set("this", name.name.lower())
    return tree.sql(dialect=dialect)


def _sort_conditions(tree: exp.Expr) -> None:
    """Innermost first: an outer chain is sorted by what its conditions came to."""
    for chain in reversed(list(tree.find_all(exp.And))):
        if not isinstance(chain.parent, exp.And):
            parts = sorted(_conditions(chain), key=lambda part: part.sql().lower())
            chain.replace(exp.and_(*parts, copy=False))


def _conditions(node: exp.Expr) -> Iterator[exp.Expr]:
    inner = node.unnest() if isinstance(node, exp.Paren) else node
    if isinstance(inner, exp.And):
        yield from _conditions(inner.this)
        yield from _conditions(inner.expression)
    else:
        yield inner
