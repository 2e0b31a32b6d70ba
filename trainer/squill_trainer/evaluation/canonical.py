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
    from squill.schema import Schema

_SLOT = re.compile(r"<([tca])(\d+)>")


def canonical(sql: str, schema: Schema) -> str | None:
    """The query without aliases, qualifiers, letter case and the order of its AND conditions.

    Two queries are an exact match where this is equal. None where it does not parse or names
    what the schema lacks.
    """
    try:
        numbered = to_target(sql, Numbering(schema, ""), read=schema.dialect, write="sqlite")
        tree = sqlglot.parse_one(_SLOT.sub(r"\1_\2", numbered), dialect="sqlite")
    except (SchemaError, SqlglotError, RecursionError):
        return None
    for chain in list(tree.find_all(exp.And)):
        if not isinstance(chain.parent, exp.And):
            parts = sorted(chain.flatten(), key=lambda part: part.sql().lower())
            chain.replace(exp.and_(*parts, copy=True, wrap=False))
    return tree.sql(dialect="sqlite").lower()
