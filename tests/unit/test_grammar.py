"""The language that a model may write, dialect by dialect and name by name."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
import sqlglot
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grammar_sentences import Sentences
from grammar_walk import byte_tokenizer, compiler_of, taken, walk
from squill.binding import bind
from squill.dialects import DIALECTS
from squill.prompt import format_by_id
from squill.prompt.slots.vocabulary import all_tokens
from squill.schema import Column, Schema, Table
from squill_daemon.constraint import Constraint
from squill_daemon.grammar import GrammarCompiler, GrammarError, asks_for_change

PLAIN = format_by_id("plain-1")
SLOTS = format_by_id("slots-2")
BYTES = byte_tokenizer()
COMPILER = compiler_of(BYTES)
SLOT_TOKENS = byte_tokenizer(all_tokens())
SLOT_COMPILER = compiler_of(SLOT_TOKENS)
QUESTION = "Which orders did the people of Port Said place in 2019"

ORDERS = Table(
    "orders",
    (
        Column("id", "INT", primary_key=True),
        Column("date", "DATE"),
        Column("order", quoted=True),
        Column("Weird name", quoted=True),
        Column("dept"),
    ),
)
CUSTOMERS = Table("Kunden", (Column("id"), Column("nämé", quoted=True)), "shop", quoted=True)


def schema_in(dialect: str) -> Schema:
    return Schema((ORDERS, CUSTOMERS), dialect)


def plain(dialect: str, *, changes: bool = False) -> Constraint:
    return Constraint(COMPILER, PLAIN.terminals(schema_in(dialect), QUESTION), changes=changes)


def slots() -> Constraint:
    """Without owners of columns: scope is no matter of the grammar."""
    terminals = SLOTS.terminals(schema_in("sqlite"), QUESTION)
    return Constraint(SLOT_COMPILER, replace(terminals, owners=()), changes=False)


def in_language(constraint: Constraint, sql: str) -> bool:
    tokens = BYTES.encode(sql).ids
    return taken(constraint, tokens) > len(tokens)


def in_slots(target: str) -> bool:
    tokens = SLOT_TOKENS.encode(target).ids
    return taken(slots(), tokens) > len(tokens)


def plain_sentences(dialect: str) -> Sentences:
    orders, customers = PLAIN.terminals(schema_in(dialect), QUESTION).tables
    quote = "it\\'s" if dialect == "bigquery" else "it''s"
    return Sentences(
        dialect,
        {
            "column": [
                orders.columns[0],
                orders.columns[3],
                "orders.date",
                "t1." + orders.columns[2],
            ],
            "column_name": orders.columns,
            "qualifier": ["t1", "orders"],
            "table": ["orders", "orders AS t1", f"{customers.source} AS t2", "orders t3"],
            "table_name": [orders.source, customers.source],
            "made": ["total", "t3"],
            "made_source": ["orders"],
            "string": ["''", "'2020-01-01'", f"'{quote}'"],
            "number": ["1", "2.5"],
            "DIGITS": ["1", "10"],
            "INTERVAL": ["'7 days'", "'1 month'"],
            "PART": ["'month'"],
        },
    )


PLAIN_SENTENCES = {dialect: plain_sentences(dialect) for dialect in DIALECTS}
SLOT_SENTENCES = Sentences(
    "sqlite",
    {
        "column": ["<c1>", "<c4>", "<a1>.<c2>", '"total"', '"t"."total"'],
        "column_name": ["<c1>", "<c7>"],
        "qualifier": ["<a1>", "<a6>"],
        "table": ["<t1>", "<t2> AS <a1>"],
        "made": ["total", '"a name"'],
        "made_source": ["total", "total AS other"],
        "string": ["''", "'<w1><w1>'", "'%<w2><w5>%'", "'it''s'", "'x, y AND z'", "'now'"],
        "number": ["1", "2.5", "<w3><w3>"],
        "DIGITS": ["1", "10"],
    },
    exact=True,
)


@settings(max_examples=100, deadline=None)
@given(dialect=st.sampled_from(DIALECTS), changes=st.booleans(), seed=st.integers(0))
def test_every_sentence_of_the_rules_parses_in_its_dialect_and_can_be_written(
    dialect, changes, seed
):
    rule = "change" if changes else "query"
    sql = PLAIN_SENTENCES[dialect].sentence(rule, random.Random(seed))
    assert sqlglot.parse_one(sql, dialect=dialect)
    assert in_language(plain(dialect, changes=changes), sql), sql


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0))
def test_every_sentence_in_slots_parses_and_can_be_written(seed):
    target = SLOT_SENTENCES.sentence("query", random.Random(seed))
    assert sqlglot.parse_one(without_slots(target), dialect="sqlite")
    assert in_slots(target), target


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0))
def test_whatever_a_model_writes_in_slots_parses(seed):
    target = walk(slots(), SLOT_TOKENS, random.Random(seed), 25)
    assume(target is not None)
    assert sqlglot.parse_one(without_slots(target), dialect="sqlite"), target


@settings(max_examples=60, deadline=None)
@given(dialect=st.sampled_from(DIALECTS), seed=st.integers(0))
def test_whatever_a_model_writes_in_characters_parses(dialect, seed):
    sql = walk(plain(dialect), BYTES, random.Random(seed), 40)
    assume(sql is not None)
    assert sqlglot.parse_one(PLAIN.sql(sql, schema_in(dialect), QUESTION), dialect=dialect), sql


def without_slots(target: str) -> str:
    target = re.sub(r"<w\d+><w\d+>", "7", target)
    return re.sub(r"<([tca])(\d+)>", r"\1_\2", target)


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=64
).filter(lambda name: name.strip() == name)


@settings(max_examples=60, deadline=None)
@given(
    dialect=st.sampled_from(DIALECTS),
    table=NAMES,
    columns=st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold),
)
def test_any_name_can_be_written_as_its_dialect_quotes_it(dialect, table, columns):
    assume(dialect != "bigquery" or not any("." in name for name in columns))  # has none such
    own = Table(table, tuple(Column(name, quoted=True) for name in columns), quoted=True)
    schema = Schema((own,), dialect)
    terminals = PLAIN.terminals(schema, "?")
    written = terminals.tables[0]
    sql = f"SELECT {', '.join(written.columns)} FROM {written.source}"
    assert in_language(Constraint(COMPILER, terminals, changes=False), sql)
    assert not in_language(Constraint(COMPILER, terminals, changes=False), sql + "_2")
    assert [c.name for c in sqlglot.parse_one(sql, dialect=dialect).selects] == columns


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("sqlite", "SELECT id FROM orders"),
        ("sqlite", "select\n  id,\n  dept\nfrom orders\nwhere date > '2020-01-01';"),
        ("sqlite", "SELECT o.id FROM orders o JOIN shop.Kunden AS k ON o.id = k.id"),
        ("sqlite", "SELECT dept, COUNT(*) AS n FROM orders GROUP BY dept ORDER BY n DESC"),
        ("sqlite", "WITH big AS (SELECT id FROM orders) SELECT id FROM big"),
        ("sqlite", 'SELECT "Weird name", orders."order" FROM orders'),
        ("postgres", "SELECT id FROM orders WHERE date > NOW() - INTERVAL '7 days' LIMIT 5"),
        ("postgres", "SELECT EXTRACT(YEAR FROM date) FROM orders WHERE dept ILIKE 'a%'"),
        ("mysql", "SELECT `order` FROM orders WHERE date > DATE_SUB(CURDATE(), INTERVAL 1 DAY)"),
        ("bigquery", "SELECT id FROM orders WHERE dept = 'it\\'s'"),
        ("snowflake", "SELECT DATEDIFF(DAY, date, CURRENT_DATE()) FROM orders"),
        ("tsql", "SELECT TOP 5 [Weird name] FROM orders ORDER BY id"),
        ("tsql", "SELECT id FROM orders ORDER BY id OFFSET 5 ROWS FETCH NEXT 5 ROWS ONLY"),
        ("oracle", "SELECT id FROM orders FETCH FIRST 5 ROWS ONLY"),
        ("duckdb", "SELECT DATE_TRUNC('month', date), SUM(id) FROM orders GROUP BY 1"),
    ],
)
def test_people_write_like_this(dialect, sql):
    assert in_language(plain(dialect), sql)


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("sqlite", "SELECT name FROM orders"),
        ("sqlite", "SELECT id FROM people"),
        ("sqlite", "SELECT orders.nämé FROM orders"),
        ("sqlite", "SELECT dept FROM orders ORDER BY n"),
        ("sqlite", "SELECT id FROM big"),
        ("sqlite", "SELECT id FROM orders; DROP TABLE orders"),
        ("sqlite", "DELETE FROM orders"),
        ("sqlite", "SELECT TOP 5 id FROM orders"),
        ("sqlite", "SELECT id FROM orders WHERE DATE > NOW()"),
        ("sqlite", "\u017fELECT id FROM orders"),
        ("mysql", "SELECT order FROM orders"),
        ("tsql", "SELECT id FROM orders LIMIT 5"),
        ("oracle", "SELECT id FROM orders LIMIT 5"),
    ],
)
def test_nobody_can_write_this(dialect, sql):
    assert not in_language(plain(dialect), sql)


@pytest.mark.parametrize(
    ("target", "possible"),
    [
        ("SELECT <c7> FROM <t2>", True),
        ("SELECT <c8> FROM <t2>", False),
        ("SELECT <c7> FROM <t3>", False),
        ("SELECT <c1> FROM <t1> WHERE <c2> = '<w11><w11>'", True),
        ("SELECT <c1> FROM <t1> WHERE <c2> = '<w12><w12>'", False),
        ("SELECT <c1> FROM <t1> WHERE <c2> = '<w5><w3>'", False),
        ("SELECT <c1> FROM <t1> WHERE <c2> > <w4><w11>", True),
        ("SELECT <c1> FROM <t1> WHERE <c2> = '<w3>'", False),
        ("select <c1> FROM <t1>", False),
        ("SELECT <c1>,<c2> FROM <t1>", False),
        ("SELECT id FROM <t1>", False),
    ],
)
def test_only_what_the_prompt_shows_can_be_written_in_slots(target, possible):
    assert in_slots(target) is possible


@pytest.mark.parametrize(
    ("sql", "possible"),
    [
        ("SELECT id FROM orders WHERE dept = 'Port Said'", True),
        ("SELECT id FROM orders WHERE dept LIKE '%Port%'", True),
        ("SELECT id FROM orders WHERE dept = 'Cairo'", False),
        ("SELECT id FROM orders WHERE dept = 'Said Port'", False),
    ],
)
def test_literals_can_be_bound_to_the_question(sql, possible):
    terminals = replace(PLAIN.terminals(schema_in("sqlite"), QUESTION), question=QUESTION)
    assert in_language(Constraint(COMPILER, terminals, changes=False), sql) is possible


@pytest.mark.parametrize("question", ["'); DROP TABLE x; --", '"', "\\", "", "100% 'sure' 🙂\n"])
@pytest.mark.parametrize("dialect", ["sqlite", "bigquery"])
def test_any_question_can_be_what_literals_are_bound_to(dialect, question):
    terminals = replace(PLAIN.terminals(schema_in(dialect), question), question=question)
    assert in_language(Constraint(COMPILER, terminals, changes=False), "SELECT id FROM orders")


@pytest.mark.parametrize(
    "question",
    [
        "Delete the orders of last year",
        "please add a customer named Ann",
        "Could you set the price of book 3 to 5?",
        "UPDATE the address of Bob",
        "Now remove all empty rows.",
    ],
)
def test_an_order_to_change_rows_is_seen(question):
    assert asks_for_change(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who deleted the most orders?",
        "What is the latest update?",
        "Show all deleted customers",
        "Add up the sales of each city",
        "How many settings changed?",
        "",
    ],
)
def test_a_question_about_changes_is_none(question):
    assert not asks_for_change(question)


def test_a_thousand_tables_have_a_grammar():
    tables = tuple(
        Table(f"t_{i}", tuple(Column(f"c_{i}_{j}") for j in range(20))) for i in range(1000)
    )
    schema = Schema(tables, "postgres")
    constraint = Constraint(COMPILER, PLAIN.terminals(schema, "?"), changes=False)
    sql = "SELECT a.c_7_3 FROM t_7 AS a JOIN t_999 AS b ON a.c_7_0 = b.c_999_19"
    assert in_language(constraint, sql)
    assert bind(sql, schema).valid


def test_two_tables_of_one_name_are_told_apart_by_their_namespace():
    both = Schema((Table("t", (Column("a"),), "x"), Table("t", (Column("b"),), "y")), "postgres")
    for sql in ("SELECT a FROM x.t", "SELECT y.b FROM y.t AS y"):
        constraint = Constraint(COMPILER, PLAIN.terminals(both, "?"), changes=False)
        assert in_language(constraint, sql)


def test_a_table_without_columns_can_still_be_counted():
    schema = Schema((Table("empty"), ORDERS), "sqlite")
    constraint = Constraint(COMPILER, PLAIN.terminals(schema, "?"), changes=False)
    assert in_language(constraint, "SELECT COUNT(*) FROM empty")


def test_a_tokenizer_that_llguidance_cannot_read_is_a_grammar_error():
    with pytest.raises(GrammarError):
        GrammarCompiler("{}", lambda _: [], end_tokens=[0])
