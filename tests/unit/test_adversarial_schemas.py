"""Names and comments that were made to break things: what is written still parses, binds, runs."""

from __future__ import annotations

import sqlite3

import pytest
from sqlglot import exp

from grammar_walk import byte_tokenizer, compiler_of, taken
from squill.binding import bind
from squill.ddl import parse_schema
from squill.dialects import DIALECTS
from squill.prompt import format_by_id
from squill.schema import Column, ForeignKey, Schema, Table
from squill_daemon.constraint import Constraint

SLOTS = format_by_id("slots-2")
PLAIN = format_by_id("plain-1")

NAMES = {
    "reserved words": ("select", ("from", "order", "group")),
    "unicode": ("größe", ("naïve", "名前", "ÅÄÖ")),
    "emoji": ("🎉party", ("💰", "a😀b", "é")),
    "spaces and signs": ("my table", ("a b", "c-d", "e/f")),
    "leading digits": ("2024", ("1st", "2_nd", "3")),
    "sixty-four characters": ("t" * 64, ("c" * 64, "d" * 64, "e" * 64)),
    "a name like a slot": ("<t1>", ("<c2>", "<w1>", "<q>")),
    "a name like a placeholder": ("squill_t1", ("squill_c2", "squill_w1", "t1")),
    "mixed case": ("Orders", ("orderId", "ORDER_DATE", "Customer")),
    "only signs": ("-", ("+", "*", "%")),
}
QUOTES = {
    "dots": ("a.b", ("c.d", "e.", ".f")),
    "quotes": ('a"b', ("it's", "say `so`", "[x]")),
    "line breaks": ("two\nlines", ("a\tb", "c\nd", "e")),
}
HOSTILE_COMMENT = "'); DROP TABLE x; --"

TARGETS = (
    "SELECT <c1>, <c2> FROM <t1> WHERE <c3> = '<w1><w1>'",
    "SELECT <c1>, COUNT(*) FROM <t1> GROUP BY <c1> ORDER BY COUNT(*) DESC",
    "SELECT <c2> FROM <t1> WHERE <c1> IN (SELECT <c4> FROM <t2>)",
    "SELECT <c2>, <c5> FROM <t1> JOIN <t2> ON <c1> = <c4>",
    "SELECT <a1>.<c2> FROM <t1> AS <a1> JOIN <t1> AS <a2> ON <a1>.<c1> = <a2>.<c3>",
)


def hostile_schema(table: str, columns: tuple[str, ...], dialect: str) -> Schema:
    own = tuple(Column(name, "TEXT", comment=HOSTILE_COMMENT, quoted=True) for name in columns)
    other = Table(
        "plain",
        (Column("ref", "TEXT"), Column("label", "TEXT")),
        foreign_keys=(ForeignKey(("ref",), table, (columns[0],)),),
    )
    return Schema((Table(table, own, comment=HOSTILE_COMMENT, quoted=True), other), dialect)


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@pytest.mark.parametrize("kind", sorted(NAMES))
def test_hostile_names_are_written_so_that_they_bind(kind: str, dialect: str) -> None:
    table, columns = NAMES[kind]
    schema = hostile_schema(table, columns, dialect)
    for target in TARGETS:
        sql = SLOTS.sql(target, schema, "word")
        assert bind(sql, schema).problems == (), sql


@pytest.mark.parametrize("kind", [*sorted(NAMES), *sorted(QUOTES)])
def test_hostile_names_run_in_sqlite(kind: str) -> None:
    table, columns = (NAMES | QUOTES)[kind]
    schema = hostile_schema(table, columns, "sqlite")
    with sqlite3.connect(":memory:") as connection:
        connection.execute(_create(table, columns))
        connection.execute("CREATE TABLE plain (ref TEXT, label TEXT)")
        for target in TARGETS:
            connection.execute(SLOTS.sql(target, schema, "word"))
    connection.close()


@pytest.mark.parametrize("kind", [*sorted(NAMES), *sorted(QUOTES)])
def test_hostile_names_are_in_the_language_of_their_grammar(kind: str) -> None:
    table, columns = (NAMES | QUOTES)[kind]
    schema = hostile_schema(table, columns, "sqlite")
    tokenizer = byte_tokenizer()
    compiler = compiler_of(tokenizer)
    for target in TARGETS:
        sql = SLOTS.sql(target, schema, "word")
        constraint = Constraint(compiler, PLAIN.terminals(schema, "word"), changes=False)
        tokens = tokenizer.encode(PLAIN.target(sql, schema, "word")).ids
        assert taken(constraint, tokens) == len(tokens) + 1, sql


@pytest.mark.parametrize("kind", [*sorted(NAMES), *sorted(QUOTES)])
def test_hostile_names_are_read_from_ddl_as_they_are(kind: str) -> None:
    table, columns = (NAMES | QUOTES)[kind]
    schema = parse_schema(_create(table, columns), "sqlite").schema
    assert schema.tables[0].name == table
    assert tuple(c.name for c in schema.tables[0].columns) == columns


def _create(table: str, columns: tuple[str, ...]) -> str:
    def quoted(name: str) -> str:
        return exp.to_identifier(name, quoted=True).sql(dialect="sqlite")

    return f"CREATE TABLE {quoted(table)} ({', '.join(f'{quoted(c)} TEXT' for c in columns)})"


def test_a_hostile_comment_changes_nothing_but_the_comment() -> None:
    escaped = HOSTILE_COMMENT.replace("'", "''")
    ddl = (
        f"CREATE TABLE t (a INT, -- {HOSTILE_COMMENT}\n b TEXT);\n"
        f"COMMENT ON COLUMN t.b IS '{escaped}';\nCREATE TABLE x (c INT);"
    )
    schema = parse_schema(ddl, "postgres").schema
    assert [t.name for t in schema.tables] == ["t", "x"]
    assert [c.comment for c in schema.tables[0].columns] == [HOSTILE_COMMENT] * 2
    assert "DROP" not in SLOTS.prompt(schema, "q").upper()


def test_a_thousand_tables_are_asked_about() -> None:
    ddl = "\n".join(f"CREATE TABLE log_{i} (id INT, value_{i} REAL);" for i in range(1000))
    schema = parse_schema(ddl + "CREATE TABLE invoices (id INT, total REAL);", "sqlite").schema
    prompt = SLOTS.prompt(schema, "the total of all invoices")
    assert " invoices" in prompt
    assert prompt.count("<q>") == 2  # before the question, and before the slots once more


def test_two_schemas_with_the_same_table_are_told_apart() -> None:
    ddl = "CREATE TABLE a.users (id INT, x INT); CREATE TABLE b.users (id INT, y INT);"
    schema = parse_schema(ddl, "postgres").schema
    assert SLOTS.sql("SELECT <c2> FROM <t1>", schema, "q") == "SELECT x FROM a.users"
    both = SLOTS.sql("SELECT <c2>, <c4> FROM <t1> JOIN <t2> ON <c1> = <c3>", schema, "q")
    assert both == (
        "SELECT a_users.x, b_users.y FROM a.users AS a_users "
        "JOIN b.users AS b_users ON a_users.id = b_users.id"
    )
    assert bind(both, schema).problems == ()
    assert not bind("SELECT y FROM a.users", schema).valid


def test_a_table_without_columns_can_still_be_counted() -> None:
    schema = parse_schema("CREATE TABLE hollow (); CREATE TABLE t (a INT);", "postgres").schema
    assert [t.name for t in schema.tables] == ["hollow", "t"]
    sql = SLOTS.sql("SELECT COUNT(*) FROM <t1>", schema, "q")
    assert bind(sql, schema).problems == ()
