"""ALTER TABLE and ALTER VIEW."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import TokenType, exp

from squill.ddl.catalog import TableName
from squill.ddl.columns import Element, element_list, table_body
from squill.ddl.fragments import comma_separated, groups, written_name
from squill.ddl.operations import (
    ChangeColumn,
    DropColumn,
    Extend,
    Operation,
    RenameColumn,
    RenameTable,
)
from squill.errors import UnparsableError
from squill.parsing import parse_tokens, spelled, table_name, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import Token

_ALTER_TARGET = re.compile(
    r"ALTER\s+(?:TABLE|VIEW)\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?", re.IGNORECASE
)
_HARMLESS = frozenset(
    {
        *("ADD", "ATTACH", "AUTO_INCREMENT", "CHECK", "CLUSTER", "DETACH", "DISABLE", "DROP"),
        *("ENABLE", "ENGINE", "INHERIT", "NOCHECK", "OWNER", "REPLICA", "SET", "WITH"),
    }
)
_BEFORE_COLUMN = frozenset({"ADD", "COLUMN", "IF", "NOT", "EXISTS", "MODIFY", "WITH", "CHECK"})
_MODIFIED = re.compile(r"MODIFY\s+(?:COLUMN\s+)?(\S+)\s+(\w+\s*(?:\([^()]*\))?)", re.IGNORECASE)
_NEW_NAMESPACE = re.compile(r"SET\s+SCHEMA\s+(\S+)\s*\Z", re.IGNORECASE)
_LISTED = re.compile(r"(ADD|MODIFY)\s*(?:COLUMNS?\s*)?\((.*)\)\s*\Z", re.IGNORECASE | re.DOTALL)
_DROPPED_COLUMN = re.compile(
    r"DROP\s+(?!COLUMN|CONSTRAINT|INDEX|KEY|PRIMARY|FOREIGN|CHECK|PARTITION|DEFAULT)(?=\S)",
    re.IGNORECASE,
)


def operations_from_alter(sql: str, dialect: str) -> list[Operation]:
    """What an ALTER TABLE or VIEW does; actions that concern no column or key are left out.

    Raises:
        UnparsableError: it names no table, or sqlglot reads none of it.
    """
    tokens = tokenize(sql, dialect)
    if moved := _NEW_NAMESPACE.search(sql):
        first = _first_action(tokens, sql)
        start = next((t.start for t in tokens if t.start >= _target_start(sql)), 0)
        table = written_name(sql[start : tokens[first - 1].end + 1], dialect)
        return [RenameTable(table, TableName(written_name(moved[1], dialect).name, table.name))]
    try:
        return list(_alter(_parsed(tokens, sql, dialect), tokens, sql, dialect))
    except UnparsableError as error:
        found = list(_action_by_action(tokens, sql, dialect))
        if not found and not _harmless(tokens):
            raise error from None
        return found


def _parsed(tokens: list[Token], sql: str, dialect: str) -> exp.Alter:
    trees = parse_tokens(tokens, sql, dialect)
    if len(trees) != 1 or not isinstance(trees[0], exp.Alter):
        raise UnparsableError("This ALTER statement is of a form that Squill does not know.")
    if any(isinstance(action, exp.Command) for action in trees[0].args.get("actions") or ()):
        raise UnparsableError("This ALTER statement has an action that Squill does not know.")
    return trees[0]


def _action_by_action(tokens: list[Token], sql: str, dialect: str) -> Iterator[Operation]:
    """The actions each for itself: sqlglot gives up a whole list for one that it does not know."""
    first = _first_action(tokens, sql)
    if first >= len(tokens):
        return
    target = sql[: tokens[first - 1].end + 1]
    verb = tokens[first].text
    for action in comma_separated(tokens[first:], sql):
        for text in _variants(action, verb):
            statement = f"{target} {text}"
            try:
                parts = tokenize(statement, dialect)
                tree = _parsed(parts, statement, dialect)
            except UnparsableError:
                continue
            yield from _alter(tree, parts, statement, dialect)
            break
        else:
            yield from _listed_actions(target, action, dialect)


def _first_action(tokens: list[Token], sql: str) -> int:
    """The index of the token after the table's name, or the number of tokens."""
    start = _target_start(sql)
    first = next((i for i, token in enumerate(tokens) if token.start >= start), len(tokens))
    after = first + 1
    while after + 1 < len(tokens) and tokens[after].token_type == TokenType.DOT:
        after += 2
    return min(after, len(tokens))


def _target_start(sql: str) -> int:
    """Where the altered table's name begins, in characters."""
    head = _ALTER_TARGET.match(sql)
    return head.end() if head else len(sql)


def _variants(action: str, verb: str) -> Iterator[str]:
    """Spellings of one action that sqlglot may read."""
    # In SQL Server's and Oracle's lists the verb stands once, before the first.
    for text in (action, f"{verb} {action}"):
        yield _DROPPED_COLUMN.sub("DROP COLUMN ", text, count=1)
        if modified := _MODIFIED.match(text):
            yield f"ALTER COLUMN {modified[1]} SET DATA TYPE {modified[2]}"


def _listed_actions(target: str, action: str, dialect: str) -> Iterator[Operation]:
    """``ADD (a INT, b INT)`` and ``MODIFY (…)``, column by column."""
    found = _LISTED.match(action)
    for element in comma_separated(tokenize(found[2], dialect), found[2]) if found else ():
        assert found is not None
        statement = f"{target} {found[1]} {element}"
        yield from _action_by_action(tokenize(statement, dialect), statement, dialect)


def _harmless(tokens: list[Token]) -> bool:
    """Whether what sqlglot does not know names no column: owners, indexes, triggers, options."""
    words = {token.text.upper() for token in tokens}
    return not words & {"COLUMN", "RENAME", "TYPE"} and bool(words & _HARMLESS)


def _alter(tree: exp.Alter, tokens: list[Token], sql: str, dialect: str) -> Iterator[Operation]:
    if not isinstance(tree.this, exp.Table):
        return
    table = TableName(*table_name(tree.this))
    added: list[exp.Expr] = []
    for action in tree.args.get("actions") or ():
        if isinstance(action, exp.ColumnDef | exp.AddConstraint):
            added.append(action)
        elif isinstance(action, exp.Schema):
            added += action.expressions
        else:
            yield from _change(table, action, tree, dialect)
    if added:
        body = table_body(added, list(_elements(tokens, sql)), sql, dialect)
        yield Extend(table, body.columns, body.primary_key, body.foreign_keys)


def _elements(tokens: list[Token], sql: str) -> Iterator[Element]:
    """The column definitions among the actions, as they are written."""
    for action in groups(tokens[_first_action(tokens, sql) :]):
        skipped = 0
        while skipped < len(action) and action[skipped].text.upper() in _BEFORE_COLUMN:
            skipped += 1
        if skipped < len(action) and action[skipped].token_type == TokenType.L_PAREN:
            yield from element_list(list(action), sql)[0]
        elif skipped < len(action):
            yield Element(tuple(action[skipped:]), "")


def _change(
    table: TableName, action: exp.Expr, tree: exp.Alter, dialect: str
) -> Iterator[Operation]:
    if isinstance(action, exp.Drop):
        if str(action.args.get("kind")).upper() == "COLUMN":
            yield from (DropColumn(table, spelled(c)) for c in action.args.get("tables") or ())
    elif isinstance(action, exp.RenameColumn):
        yield RenameColumn(table, spelled(action.this), spelled(action.args.get("to")))
    elif isinstance(action, exp.AlterRename):
        yield _rename(table, action, tree)
    elif isinstance(action, exp.AlterColumn):
        if isinstance(dtype := action.args.get("dtype"), exp.Expr):
            yield ChangeColumn(table, spelled(action.this), type=dtype.sql(dialect=dialect))
    elif isinstance(action, exp.ModifyColumn):
        yield from _modify(table, action, dialect)


def _rename(table: TableName, action: exp.AlterRename, tree: exp.Alter) -> Operation:
    """RENAME TO, or RENAME a TO b, which sqlglot reads as a table's with an option behind it."""
    for option in tree.args.get("options") or ():
        if isinstance(option, exp.ToTableProperty):
            return RenameColumn(table, spelled(action.this), spelled(option.this))
    return RenameTable(table, TableName(*table_name(action.this)))


def _modify(table: TableName, action: exp.ModifyColumn, dialect: str) -> Iterator[Operation]:
    body = table_body([action.this], (), "", dialect)
    for column in body.columns:
        if old := spelled(action.args.get("rename_from")):
            yield RenameColumn(table, old, column.name)
        yield ChangeColumn(table, column.name, column.type, column.comment or None)
