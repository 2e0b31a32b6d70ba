"""When a name is written in quotes, and how."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sqlglot import Dialect, exp
from sqlglot.dialects.dialect import NormalizationStrategy

if TYPE_CHECKING:
    from squill.schema import Column, Table

_FOLDING = (NormalizationStrategy.LOWERCASE, NormalizationStrategy.UPPERCASE)


def identifier(named: Column | Table, dialect: str) -> exp.Identifier:
    """The name of a column or table, quoted where ``dialect`` would not read it back without.

    A name that its definition writes bare stays bare, whatever its case: the database folded it
    there too. One that was quoted needs its quotes where it has other signs than letters, digits
    and ``_``, where it is a keyword, and where the dialect folds case and the name would change.
    """
    if named.quoted and _needs_quotes(named.name, dialect):
        return exp.to_identifier(named.name, quoted=True)
    return exp.to_identifier(named.name)


@lru_cache(maxsize=65536)
def _needs_quotes(name: str, dialect: str) -> bool:
    rules = Dialect.get_or_raise(dialect)
    if name.upper() in _keywords(dialect):
        return True
    folds = rules.normalization_strategy in _FOLDING
    return folds and rules.normalize_identifier(exp.to_identifier(name)).name != name


@lru_cache
def _keywords(dialect: str) -> frozenset[str]:
    phrases = Dialect.get_or_raise(dialect).tokenizer_class.KEYWORDS
    return frozenset(word for phrase in phrases for word in phrase.upper().split())
