"""Whether the words of a comment ask for a query. Pure functions of text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from squill.errors import UnparsableError
from squill.parsing import parse_tokens, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATEMENT = re.compile(
    r"""\(*\s*(?:select|with|insert|update|delete|create|drop|alter|truncate|grant|revoke|merge
    |explain|pragma|vacuum|analyze|begin|commit|rollback|set|use|show|describe|values|call|exec
    |execute|declare|copy|replace|attach|refresh)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"(?:WHERE|AND|OR|FROM|GROUP BY|ORDER BY|HAVING|LIMIT|UNION|ON|VALUES"
    r"|(?:(?:LEFT|RIGHT|FULL|INNER|CROSS) )?(?:OUTER )?JOIN)\b.*[a-z0-9_]"
)
_SHOUTED = re.compile(
    r"\b(?:SELECT|FROM|WHERE|TABLE|VIEW|INDEX|INTO|VALUES|SET|JOIN|UPDATE|INSERT|DELETE|DROP|ALTER"
    r"|CREATE|GROUP BY|ORDER BY|TRUNCATE|GRANT|DATABASE|SCHEMA|COLUMN)\b"
)
_CHANGE = re.compile(
    r"delete\s+from\b|insert\s+(?:or\s+\w+\s+)?into\b|update\s+\S+\s+set\b", re.IGNORECASE
)
_SQL_MARKS = re.compile(r"[*=<>();'\"`]|\b\w+\.\w+|,")
_PROSE_WORDS = re.compile(
    r"\b(?:the|please|me|my|our|of|who|whose|which|that|how|many|what|each|every|there|are|was"
    r"|older|younger|than|their|his|her|its)\b",
    re.IGNORECASE,
)

_RULE = re.compile(r"[-=*#~_+/\\.\s]*[-=*#~_+]{2,}[-=*#~_+/\\.\s]*")
_TITLE = re.compile(r"[-=*#~_+]{3,}.*|.*\s?[-=*#~_+]{3,}|[=#~+]{2,}\s.*\s[=#~+]{2,}", re.DOTALL)
_DIRECTIVE = re.compile(
    r"(?:dialect|sqlfluff|sqlfmt|fmt|noqa|vim?|ex|migrate|changeset|rollback|liquibase"
    r"|depends?|encoding)\b\s*[:=]|name:\s*[\w-]+\b|noqa\b|liquibase formatted|\+\w+\s|@\w+|-\*-"
    r"|#(?:end)?region\b|\{[{%#]|(?:TODO|FIXME|XXX|HACK|NOTE)\b"
    r"|(?:table structure|dumping (?:data|routines|events|structure)) for\b"
    r"|(?:mysql|mariadb|postgresql|sqlite)(?: database)? dump\b|dump completed\b|host:\s",
    re.IGNORECASE,
)
_QUESTION_MARKS = ("?", "\uff1f")  # the second is East Asia's full-width one
_FILE_HEADER = re.compile(
    r"""\bcopyright\b.*(?:\(c\)|©|\d{4}|all\ rights) | ©\s*\d{4} | \(c\)\s*\d{4}
    | spdx-license-identifier | \ball\ rights\ reserved\b | \blicensed\ under\b
    | \bpermission\ is\ hereby\ granted\b | \blicen[cs]e:\s
    | \b(?:mit|apache|bsd|gpl|agpl|lgpl|mozilla\ public|general\ public)\s+licen[cs]e
    | ^\s*@?(?:author|file|filename|version|created|date|maintainer|revision)s?(?:\s+(?:by|on))?\s*:
    | \b(?:auto-?)?generated\ (?:by|from|on)\b | \bdo\ not\ edit\b""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


EXPLANATION = ": "
"""What the lines of a comment begin with that Squill itself wrote, to explain a statement."""


def is_explanation(line: str) -> bool:
    """Whether a comment's line is Squill's own, and so no part of a question."""
    return line.startswith(EXPLANATION)


def is_rule(line: str) -> bool:
    """A line that only separates: ``-----``, ``====``, ``* * *``."""
    return _RULE.fullmatch(line.strip()) is not None


def is_title(text: str) -> bool:
    """A heading drawn with a rule on its own line: ``Section -----``, ``==== Views ====``."""
    return _TITLE.fullmatch(text.strip()) is not None


def is_directive(text: str) -> bool:
    """A note to a tool or to programmers: ``dialect: mysql``, ``name: get_user``, ``TODO``."""
    return _DIRECTIVE.match(text.strip()) is not None


def is_file_header(text: str) -> bool:
    """The words of a licence, or of a header that names author, file or version."""
    return _FILE_HEADER.search(text) is not None


def has_enough_words(text: str) -> bool:
    """Two words, or a script that writes without spaces, or a question mark."""
    words: list[str] = re.findall(r"[^\W_]+", text)
    return len(words) >= 2 or text.rstrip().endswith(_QUESTION_MARKS) or any(map(_is_dense, words))


def _is_dense(word: str) -> bool:
    return len(word) >= 4 and not word.isascii() and not re.search(r"[a-zA-Z]", word)


def starts_like_sql(text: str) -> bool:
    """The first word is one that starts a statement, or a clause in capitals."""
    stripped = text.strip()
    return bool(_STATEMENT.match(stripped) or _CLAUSE.match(stripped))


def is_sql(text: str, dialect: str = "") -> bool:
    """Whether a comment's text is a statement that was commented out, not a sentence.

    Many sentences parse ("select students from ninth grade" has a table with an alias), and many
    commented-out statements are cut short. So spelling decides before the parser does.
    """
    stripped = text.strip()
    if not starts_like_sql(stripped):
        return False
    if stripped.endswith(";") or _CLAUSE.match(stripped):
        return True
    if len(set(_SHOUTED.findall(stripped))) >= 2 and stripped.upper() != stripped:
        return True
    if _PROSE_WORDS.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", stripped)):
        return False
    return _parses_as_sql(stripped, dialect)


def ends_in_sql(lines: Sequence[str], dialect: str) -> bool:
    """Whether some line of a comment, and all behind it, is such a statement."""
    return any(
        starts_like_sql(line) and is_sql("\n".join(lines[number:]), dialect)
        for number, line in enumerate(lines)
    )


def commented_out(lines: Sequence[str]) -> int:
    """How many lines of a comment, from its first, are statements that end in a semicolon."""
    ends = [number for number, words in enumerate(lines, 1) if words.endswith(";")]
    return ends[-1] if ends and any(map(starts_like_sql, lines[: ends[-1]])) else 0


def _parses_as_sql(text: str, dialect: str) -> bool:
    try:
        trees = parse_tokens(tokenize(text, dialect), text, dialect)
    except UnparsableError:
        return False
    return any(_is_meant_as_sql(tree, text) for tree in trees)


def _is_meant_as_sql(tree: exp.Expr, text: str) -> bool:
    marked = _SQL_MARKS.search(text) is not None
    if isinstance(tree, exp.Query):
        return marked or (tree.find(exp.From) is not None and not _has_idle_alias(tree, text))
    if isinstance(tree, exp.Delete | exp.Update | exp.Insert):
        return _CHANGE.match(text) is not None
    return isinstance(tree, exp.Create | exp.Drop | exp.Alter | exp.TruncateTable)


def _has_idle_alias(tree: exp.Expr, text: str) -> bool:
    """Two names side by side, the second used nowhere: how a sentence looks to the parser."""
    return not re.search(r"\bas\b", text, re.IGNORECASE) and any(
        isinstance(node, exp.TableAlias | exp.Alias) for node in tree.walk()
    )
