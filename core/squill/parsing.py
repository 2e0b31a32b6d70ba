"""The one seam to sqlglot's parser: its exceptions become ours, its log lines stay inside."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError

from squill.errors import UnparsableError

if TYPE_CHECKING:
    from sqlglot import Token

# sqlglot warns of syntax that it keeps as raw text; callers here see that from the tree, and
# without a handler Python would print the warning to the user's terminal.
logging.getLogger("sqlglot").setLevel(logging.ERROR)
logging.getLogger("sqlglot").addHandler(logging.NullHandler())

_MISSING_PART = re.compile(r"^Required keyword: .* missing for <class '[\w.]*\.(\w+)'>")
_TOKEN = re.compile(r"<Token token_type: \S+ text: (.*?), line: .*?>")


def tokenize(sql: str, dialect: str) -> list[Token]:
    """The tokens of ``sql``; their ``start`` and ``end`` (inclusive) are in characters.

    Raises:
        UnparsableError: a quote or comment is not closed.
    """
    try:
        return list(Dialect.get_or_raise(dialect).tokenize(sql))
    except Exception as error:  # sqlglot's own code fails in many ways on arbitrary text
        raise _unparsable(error, sql) from error


def parse_tokens(tokens: list[Token], sql: str, dialect: str) -> list[exp.Expr]:
    """The statements that ``tokens`` (of ``sql``) form.

    Raises:
        UnparsableError: they form none, or are nested too deeply.
    """
    try:
        trees = Dialect.get_or_raise(dialect).parser().parse(tokens, sql)
    except Exception as error:  # as above; RecursionError on deep nesting included
        raise _unparsable(error, sql) from error
    return [tree for tree in trees if tree is not None]


def _unparsable(error: Exception, sql: str) -> UnparsableError:
    if isinstance(error, RecursionError):
        return UnparsableError("It is nested too deeply.")
    details = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    description = str(details.get("description") or "")
    near = str(details.get("highlight") or "").strip()
    if not description:
        description = re.sub(r"\s+", " ", str(error)).strip()[:120] or type(error).__name__
    where = f" near `{near[:40]}`" if near else ""
    return UnparsableError(f"{_worded(description).rstrip('.')}{where}.", _offset(details, sql))


def _worded(description: str) -> str:
    """sqlglot's sentence without the names of its own classes."""
    if missing := _MISSING_PART.search(description):
        return f"Something is missing in {missing[1].upper()}"
    return _TOKEN.sub(lambda token: f"`{token[1]}`", description)


def _offset(details: dict[str, object], sql: str) -> int:
    before = str(details.get("start_context") or "")
    near = str(details.get("highlight") or "")
    return sql.find(before + near) + len(before) if before or near else -1


def spelled(identifier: exp.Expr | None) -> str:
    """The name that an identifier (or what wraps one) stands for, without quotes.

    T-SQL's temporary tables keep their ``#``, which sqlglot keeps apart.
    """
    while identifier is not None and not isinstance(identifier, exp.Identifier):
        inner = identifier.this
        if not isinstance(inner, exp.Expr):
            return str(inner or "")
        identifier = inner
    if identifier is None:
        return ""
    hashes = (
        "##" if identifier.args.get("global_") else "#" if identifier.args.get("temporary") else ""
    )
    return f"{hashes}{identifier.name}"


def is_quoted(identifier: exp.Expr | None) -> bool:
    """Whether an identifier (or what wraps one) is written in quotes."""
    found = identifier.find(exp.Identifier) if identifier is not None else None
    return bool(found is not None and found.args.get("quoted"))


def table_name(table: exp.Table) -> tuple[str, str]:
    """Namespace (``schema`` or ``catalog.schema``, often empty) and name of a table reference."""
    parts = [spelled(table.args.get(key)) for key in ("catalog", "db")]
    return ".".join(part for part in parts if part), spelled(table.this)
