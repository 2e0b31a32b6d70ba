"""What is kept of a schema that is too large for a prompt."""

from __future__ import annotations

import pytest

from squill.prompt.pruning import fits, prune
from squill.schema import Column, ForeignKey, Schema, Table


def table(name: str, *columns: str, refers: str = "") -> Table:
    keys = (ForeignKey((columns[0],), refers, ("id",)),) if refers else ()
    return Table(name, tuple(Column(c, primary_key=c == "id") for c in columns), foreign_keys=keys)


NOISE = tuple(table(f"archive_{i}", "id", *(f"field_{i}_{j}" for j in range(9))) for i in range(60))
CUSTOMERS = table("customers", "id", "full_name", "city")
ORDERS = table("orders", "customer_id", "amount", refers="customers")
LINES = table("order_lines", "product_id", "quantity", refers="products")
PRODUCTS = table("products", "id", "title")
SHOP = Schema((*NOISE[:30], CUSTOMERS, LINES, *NOISE[30:], PRODUCTS, ORDERS))


def names(schema: Schema) -> set[str]:
    return {t.name for t in schema.tables}


def test_a_schema_that_fits_is_left_as_it_is() -> None:
    small = Schema((CUSTOMERS, ORDERS))
    assert prune(small, "anything", max_tables=2, max_columns=5) is small


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("total amount of the orders of each customer", {"orders", "customers"}),
        ("which products were sold", {"products", "order_lines"}),
        ("amount by city", {"orders", "customers"}),
        ("ORDERS", {"orders", "customers"}),  # what an order refers to comes with it
    ],
)
def test_the_tables_that_a_question_names_are_kept(question: str, expected: set[str]) -> None:
    pruned = prune(SHOP, question, max_tables=5, max_columns=40)
    assert expected <= names(pruned)
    assert fits(pruned, max_tables=5, max_columns=40)


def test_a_table_that_joins_two_named_ones_is_kept() -> None:
    link = Table(
        "membership",
        (Column("user_id"), Column("club_id")),
        foreign_keys=(ForeignKey(("user_id",), "users"), ForeignKey(("club_id",), "clubs")),
    )
    schema = Schema((link, *NOISE, table("users", "id", "name"), table("clubs", "id", "name")))
    pruned = prune(schema, "users of each of the clubs", max_tables=4, max_columns=20)
    assert {"membership", "users", "clubs"} <= names(pruned)


def test_tables_and_columns_keep_their_order() -> None:
    pruned = prune(SHOP, "orders of customers", max_tables=6, max_columns=40)
    order = [t.name for t in SHOP.tables if t.name in names(pruned)]
    assert [t.name for t in pruned.tables] == order


def test_a_table_wider_than_the_room_keeps_keys_and_named_columns() -> None:
    wide = table("facts", "id", *(f"measure_{i}" for i in range(500)), "net_weight")
    pruned = prune(Schema((wide,)), "net weight", max_tables=4, max_columns=30)
    kept = [c.name for c in pruned.tables[0].columns]
    assert len(kept) == 30
    assert {"id", "net_weight"} <= set(kept)


def test_pruning_is_deterministic_and_idempotent() -> None:
    question = "amount of orders by city"
    first, second = (prune(SHOP, question, max_tables=5, max_columns=30) for _ in range(2))
    assert first == second
    assert prune(first, question, max_tables=5, max_columns=30) is first


def test_a_question_that_names_nothing_still_gets_tables() -> None:
    pruned = prune(SHOP, "hm", max_tables=5, max_columns=30)
    assert pruned.tables
    assert fits(pruned, max_tables=5, max_columns=30)
