"""DROP, RENAME and COMMENT ON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from squill.ddl.catalog import TableName
from squill.ddl.fragments import comma_separated, written_name
from squill.ddl.operations import ChangeColumn, CommentTable, Drop, RenameColumn, RenameTable
from squill.errors import UnparsableError
from squill.parsing import parse_tokens, spelled, table_name, tokenize

if TYPE_CHECKING:
    from squill.ddl.operations import Operation


def operations_from_drop(sql: str, dialect: str) -> list[Operation]:
    """What a DROP TABLE or VIEW drops.

    Raises:
        UnparsableError: sqlglot cannot read it.
    """
    trees = parse_tokens(tokenize(sql, dialect), sql, dialect)
    if len(trees) != 1 or not isinstance(trees[0], exp.Drop):
        raise UnparsableError("This DROP statement is of a form that Squill does not know.")
    tables = trees[0].args.get("tables") or [trees[0].this]
    return [Drop(TableName(*table_name(t))) for t in tables if isinstance(t, exp.Table)]


_RENAME_HEAD = re.compile(r"RENAME\s+(?:TABLE\s+)?(?:IF\s+EXISTS\s+)?", re.IGNORECASE)
_RENAME = re.compile(r"(.+?)\s+TO\s+(.+?)\s*\Z", re.IGNORECASE | re.DOTALL)


def operations_from_rename(sql: str, dialect: str) -> list[Operation]:
    """MySQL's ``RENAME TABLE a TO b, …`` and Oracle's ``RENAME a TO b``.

    Raises:
        UnparsableError: it is of neither form.
    """
    operations: list[Operation] = []
    # sqlglot takes all that follows RENAME as one token.
    pairs = _RENAME_HEAD.sub("", sql, count=1)
    for pair in comma_separated(tokenize(pairs, dialect), pairs):
        found = _RENAME.match(pair)
        if not found:
            raise UnparsableError("RENAME needs the old and the new name: RENAME TABLE a TO b.")
        old, new = (written_name(part, dialect) for part in found.groups())
        operations.append(RenameTable(old, new))
    return operations


_PROCEDURE_RENAME = re.compile(
    r"EXEC(?:UTE)?\s+(?:sys\.)?sp_rename\s+(?:@\w+\s*=\s*)?N?'([^']+)'\s*,"
    r"\s*(?:@\w+\s*=\s*)?N?'([^']+)'(?:\s*,\s*(?:@\w+\s*=\s*)?N?'(\w+)')?",
    re.IGNORECASE,
)


def operations_from_execute(sql: str, dialect: str) -> list[Operation]:
    """SQL Server's ``EXEC sp_rename``; every other procedure is left out.

    Raises:
        UnparsableError: the names in it cannot be read.
    """
    found = _PROCEDURE_RENAME.match(sql)
    if not found:
        return []
    old = written_name(found[1], dialect)
    kind = (found[3] or "OBJECT").upper()
    if kind == "COLUMN":
        namespace, _, table = old.namespace.rpartition(".")
        return [RenameColumn(TableName(namespace, table), old.name, found[2])]
    return [RenameTable(old, TableName("", found[2]))] if kind == "OBJECT" else []


_NULL_COMMENT = re.compile(r"\bNULL\s*\Z", re.IGNORECASE)


def operations_from_comment(sql: str, dialect: str) -> list[Operation]:
    """COMMENT ON TABLE, VIEW or COLUMN.

    Raises:
        UnparsableError: sqlglot cannot read it.
    """
    text = _NULL_COMMENT.sub("''", sql)
    trees = parse_tokens(tokenize(text, dialect), text, dialect)
    if len(trees) != 1 or not isinstance(trees[0], exp.Comment):
        return []
    target, comment = trees[0].this, trees[0].expression
    content = comment.name if isinstance(comment, exp.Expr) else ""
    if isinstance(target, exp.Column):
        parts = [spelled(target.args.get(key)) for key in ("catalog", "db")]
        table = TableName(
            ".".join(part for part in parts if part), spelled(target.args.get("table"))
        )
        return [ChangeColumn(table, spelled(target.this), comment=content)]
    if isinstance(target, exp.Table):
        return [CommentTable(TableName(*table_name(target)), content)]
    return []
