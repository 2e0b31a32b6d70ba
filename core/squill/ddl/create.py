"""CREATE TABLE, VIEW and TABLE AS SELECT, also where sqlglot reads only a part of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from squill.ddl.catalog import TableName
from squill.ddl.columns import description, element_list, table_body
from squill.ddl.operations import Define, StarOf
from squill.ddl.projection import projected_columns
from squill.errors import UnparsableError
from squill.parsing import is_quoted, parse_tokens, table_name, tokenize
from squill.schema import Table, TableKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import Token


def define_from_text(sql: str, dialect: str) -> list[Define]:
    """What a CREATE TABLE or VIEW statement defines; empty for other things that CREATE makes.

    Options that sqlglot does not read are left out; columns are kept while their names and
    types can be read.

    Raises:
        UnparsableError: not even the columns can be read.
    """
    tokens = tokenize(sql, dialect)
    try:
        return [_define(_parsed(tokens, sql, dialect), tokens, sql, dialect)]
    except UnparsableError:
        for shorter in _salvaged(tokens, sql):
            try:
                tree = _parsed(tokenize(shorter, dialect), shorter, dialect)
            except UnparsableError:
                continue
            return [_define(tree, tokens, sql, dialect)]
        raise


def _parsed(tokens: list[Token], sql: str, dialect: str) -> exp.Create:
    trees = parse_tokens(tokens, sql, dialect)
    if len(trees) != 1 or not isinstance(trees[0], exp.Create):
        raise UnparsableError("This CREATE statement is of a form that Squill does not know.")
    return trees[0]


def _salvaged(tokens: list[Token], sql: str) -> Iterator[str]:
    """Ever simpler statements with the same columns: without options, then without constraints."""
    if any(token.text.upper() == "VIEW" for token in tokens[:6]):
        yield from _plain_view(tokens, sql)
        return
    elements, after = element_list(tokens, sql)
    if not after or not elements:
        return
    yield sql[: tokens[after - 1].end + 1]
    head = sql[: elements[0].tokens[0].start]
    yield head + ", ".join(filter(None, (element.reduced(sql) for element in elements))) + ")"
    columns = [element for element in elements if not element.is_constraint]
    yield head + ", ".join(element.reduced(sql) for element in columns) + ")"


def _plain_view(tokens: list[Token], sql: str) -> Iterator[str]:
    """A view without what stands between its name and AS, and after WITH at its end."""
    words = [token.text.upper() for token in tokens]
    if "AS" not in words:
        return
    name, body = words.index("VIEW") + 1, words.index("AS")
    end = len(tokens)
    if "WITH" in words[body + 2 :]:
        end = len(words) - 1 - words[::-1].index("WITH")
    named = sql[tokens[name].start : tokens[body].start]
    query = sql[tokens[body].start : tokens[end - 1].end + 1]
    yield f"CREATE VIEW {named}{query}"


def _define(tree: exp.Create, tokens: list[Token], sql: str, dialect: str) -> Define:
    target = tree.this
    nodes: list[exp.Expr] = []
    if isinstance(target, exp.Schema):
        nodes, target = target.expressions, target.this
    nodes = nodes or _virtual_columns(tree)
    if not isinstance(target, exp.Table):
        raise UnparsableError("This CREATE statement names no table.")
    elements, _ = element_list(tokens, sql) if nodes else ([], 0)
    body = table_body(nodes, elements, sql, dialect)
    likes = _likes(tree, nodes)
    query = tree.expression
    projected = projected_columns(query, dialect) if isinstance(query, exp.Query) else ()
    namespace, name = table_name(target)
    properties = tree.args.get("properties")
    return Define(
        Table(
            name=name,
            columns=body.columns,
            namespace=namespace,
            kind=_kind(tree, properties),
            comment=description(properties),
            foreign_keys=body.foreign_keys,
            quoted=is_quoted(target.this),
        ),
        # A view's own column list renames what its query selects.
        inherited=likes or (() if body.columns else projected),
        keep_types=bool(likes),
        if_not_exists=bool(tree.args.get("exists")),
    )


def _kind(tree: exp.Create, properties: exp.Properties | None) -> TableKind:
    if any(
        isinstance(p, exp.TemporaryProperty) for p in (properties or exp.Properties()).expressions
    ):
        return "temporary"
    return "view" if str(tree.args.get("kind") or "").upper() == "VIEW" else "table"


def _virtual_columns(tree: exp.Create) -> list[exp.Expr]:
    """The columns of SQLite's ``CREATE VIRTUAL TABLE … USING fts5(a, b)``."""
    module = tree.find(exp.ModuleProperty)
    return [n for n in module.expressions if isinstance(n, exp.Identifier)] if module else []


def _likes(tree: exp.Create, nodes: list[exp.Expr]) -> tuple[StarOf, ...]:
    """Tables whose columns the new one takes over: LIKE, CLONE, PARTITION OF."""
    properties = tree.args.get("properties")
    sources = [*nodes, *(properties.expressions if properties else ()), tree.args.get("clone")]
    return tuple(
        StarOf(TableName(*table_name(source.this)))
        for source in sources
        if isinstance(source, exp.LikeProperty | exp.Clone | exp.PartitionedOfProperty)
        and isinstance(source.this, exp.Table)
    )
