"""Statements that do not bind, and the nearest ones that do."""

from __future__ import annotations

import pytest

from squill.binding import bind
from squill.ddl import parse_schema
from squill_lsp.nearness import distance, nearest_keyword
from squill_lsp.repair import repair

SCHEMA = parse_schema(
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, country TEXT);\n"
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INT, amount REAL);\n"
    'CREATE TABLE "Order Lines" ("Unit Price" REAL);',
    "sqlite",
).schema

CASES = [
    ("SELECT nmae FROM customer", "SELECT name FROM customers"),
    ("SELCT name FORM customers", "SELECT name FROM customers"),
    ("SELECT name, FROM customers", "SELECT name FROM customers"),
    (
        "SELECT name FROM customers WERE country = 'x'",
        "SELECT name FROM customers WHERE country = 'x'",
    ),
    ("select name from customers gruop by name", "select name from customers group by name"),
    ("SELECT name FROM customers GROUPBY name", "SELECT name FROM customers GROUP BY name"),
    ("SELECT uper(name) FROM customers", "SELECT upper(name) FROM customers"),
    ("SELECT customer_name FROM customers", "SELECT name FROM customers"),
    ("DELETE FROM order WHERE amont > 3", "DELETE FROM orders WHERE amount > 3"),
    ("INSERT INTO custmers (nam) VALUES ('x')", "INSERT INTO customers (name) VALUES ('x')"),
    ('SELECT UnitPrice FROM "Order Lines"', 'SELECT "Unit Price" FROM "Order Lines"'),
    (
        "SELECT o.name FROM orders o JOIN customers c ON o.customerid = c.id",
        "SELECT c.name FROM orders o JOIN customers c ON o.customer_id = c.id",
    ),
    (
        "SELECT customers.nam FROM customers c ORDER BY cuntry DSEC",
        "SELECT c.name FROM customers c ORDER BY country DESC",
    ),
    (
        "SELECT c.nmae, SUM(o.amuont) FROM custmers c JOIN ordres o ON c.id = o.custmer_id "
        "GROUP BY c.nmae",
        "SELECT c.name, SUM(o.amount) FROM customers c JOIN orders o ON c.id = o.customer_id "
        "GROUP BY c.name",
    ),
]


@pytest.mark.parametrize(("broken", "wanted"), CASES, ids=[broken for broken, _ in CASES])
def test_the_nearest_names_and_keywords_mend_a_statement(broken: str, wanted: str) -> None:
    assert not bind(broken, SCHEMA).valid
    found = repair(broken, SCHEMA)
    assert found is not None
    assert found.sql == wanted
    assert found.changes
    assert bind(found.sql, SCHEMA).valid


def test_a_statement_that_binds_stays_as_it_is() -> None:
    found = repair("SELECT name FROM customers", SCHEMA)
    assert found is not None
    assert (found.sql, found.changes) == ("SELECT name FROM customers", ())


@pytest.mark.parametrize(
    "hopeless",
    ["SELECT zzzzz FROM customers", "SELECT COUNT(* FROM customers", "SELECT 'open", "", "?"],
)
def test_what_nothing_is_near_to_has_no_repair(hopeless: str) -> None:
    assert repair(hopeless, SCHEMA) is None


def test_a_long_statement_of_unknown_names_ends_the_search() -> None:
    names = ", ".join(f"nam{n}" for n in range(200))
    assert repair(f"SELECT {names} FROM custmers", SCHEMA) is None


def test_a_swap_is_one_edit() -> None:
    assert distance("from", "form") == 1
    assert distance("", "abc") == 3
    assert distance("kitten", "sitting") == 3


def test_a_keyword_keeps_the_letter_case_that_was_typed() -> None:
    assert nearest_keyword("slect") == "select"
    assert nearest_keyword("SLECT") == "SELECT"
    assert nearest_keyword("customers") == nearest_keyword("SELECT") == ""
