"""Words that a name made up by a model must not be, quotes aside."""

from __future__ import annotations

from functools import lru_cache

from sqlglot import Dialect

# What begins or joins clauses: sqlglot reads some of these as names, databases do not.
_CLAUSES = """
all and any as asc between by case cast create cross delete desc distinct drop else end escape
except exists false fetch first for from full group having if ilike in inner insert intersect into
is join last lateral left like limit merge minus natural not null nulls offset on or order outer
over partition qualify replace returning right rows select set some table then top true union
unique update using values when where window with
"""


@lru_cache(maxsize=16)
def reserved(dialect: str) -> tuple[str, ...]:
    """In lower case, sorted."""
    rules = Dialect.get_or_raise(dialect)
    names = rules.parser_class.TABLE_ALIAS_TOKENS & rules.parser_class.ID_VAR_TOKENS
    words = {
        word.lower()
        for word, token in rules.tokenizer_class.KEYWORDS.items()
        if word.isalpha() and word.isascii() and token not in names
    }
    return tuple(sorted(words | set(_CLAUSES.split())))
