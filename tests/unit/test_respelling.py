"""Queries in the schema's own spelling."""

from __future__ import annotations

import pytest

from squill.binding import bind
from squill.ddl import parse_schema
from squill.respelling import respell

DDL = {
    "sqlite": 'CREATE TABLE Orders (orderId INT, "Unit price" REAL, city TEXT);'
    "CREATE TABLE people (id INT, City TEXT);",
    "postgres": 'CREATE TABLE "Orders" ("orderId" INT, total REAL);',
}

# dialect, written, respelled
CASES = [
    ("sqlite", "select ORDERID from orders", "SELECT orderId FROM Orders"),
    ("sqlite", "SELECT o.orderid FROM orders o", "SELECT o.orderId FROM Orders AS o"),
    ("sqlite", "SELECT orders.ORDERID FROM orders", "SELECT Orders.orderId FROM Orders"),
    ("sqlite", "SELECT `unit PRICE` FROM orders", 'SELECT "Unit price" FROM Orders'),
    ("sqlite", "SELECT CITY FROM people", "SELECT City FROM people"),
    (
        "sqlite",
        "SELECT o.CITY, p.CITY FROM orders o JOIN people p ON o.orderid = p.ID",
        "SELECT o.CITY, p.CITY FROM Orders AS o JOIN people AS p ON o.orderId = p.id",
    ),
    (
        "sqlite",
        "WITH orders AS (SELECT ID FROM people) SELECT id FROM orders",
        "WITH orders AS (SELECT id FROM people) SELECT id FROM orders",
    ),
    ("sqlite", "SELECT city -- which\nFROM people", "SELECT City FROM people"),
    ("postgres", 'SELECT "orderId" FROM "Orders"', 'SELECT "orderId" FROM "Orders"'),
    ("postgres", 'SELECT TOTAL FROM "Orders"', 'SELECT total FROM "Orders"'),
]


@pytest.mark.parametrize(("dialect", "written", "respelled"), CASES)
def test_names_get_the_spelling_of_the_schema(dialect: str, written: str, respelled: str) -> None:
    schema = parse_schema(DDL[dialect], dialect).schema
    bound = bind(written, schema)
    assert bound.valid, bound.problems
    assert respell(bound, schema) == respelled
    assert respell(bind(respelled, schema), schema) == respelled
