"""Statements in plain English."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from squill.errors import UnparsableError
from squill_lsp.explanation import comment_lines, explain

LEARNING = Path(__file__).parents[2] / "benchmarks" / "learning"

CASES = [
    (
        "SELECT Age FROM students WHERE Name = 'Wang Junjian'",
        "The age of students where name is 'Wang Junjian'.",
    ),
    (
        "SELECT * FROM t WHERE a >= 1 AND b <= 2",
        "All columns of t where a is at least 1 and b is at most 2.",
    ),
    (
        "SELECT COUNT(*) FROM students WHERE Age > 12",
        "The number of students where age is more than 12.",
    ),
    (
        "SELECT school, COUNT(*) AS n FROM students GROUP BY school HAVING COUNT(*) > 3 "
        "ORDER BY 2 DESC",
        "The school and the number of students as n for each school, only where the number of "
        "students is more than 3, sorted by n descending.",
    ),
    (
        "SELECT customers.name FROM orders JOIN customers ON orders.customer_id = customers.id "
        "GROUP BY customers.name ORDER BY SUM(orders.amount) DESC LIMIT 5",
        "The name of customers, from orders with the customers whose id is customer id of orders, "
        "for each name of customers, sorted by the total amount of orders descending, the first 5 "
        "only.",
    ),
    (
        "SELECT c.name FROM customers c LEFT JOIN orders o ON o.customer_id = c.id "
        "WHERE o.id IS NULL",
        "The name of customers, from customers, with any orders whose customer id is id of "
        "customers, where id of orders is missing.",
    ),
    (
        "SELECT e.name, m.name FROM employees e JOIN employees m ON e.manager_id = m.id",
        "The name of e and name of m, from employees (e) with the employees (m) whose id is "
        "manager id of e.",
    ),
    ("SELECT a FROM t CROSS JOIN u", "The a, from t in every combination with u."),
    ("SELECT a FROM t JOIN u USING (x, y)", "The a, from t with the u of the same x and y."),
    (
        "SELECT name FROM p WHERE price BETWEEN 5 AND 10 AND kind IN ('a', 'b') "
        "AND sold IS NOT NULL",
        "The name of p where price is between 5 and 10 and kind is one of 'a' or 'b' and sold is "
        "known.",
    ),
    (
        "SELECT name FROM p WHERE name LIKE '%x%' AND name NOT LIKE 'a%' AND day < '2024-01-31'",
        "The name of p where name contains 'x' and name does not start with 'a' and day is before "
        "'2024-01-31'.",
    ),
    (
        "SELECT name FROM p WHERE NOT (a = 1 OR b = 2) AND c NOT IN (1, 2)",
        "The name of p where not (a is 1 or b is 2) and c is none of 1 or 2.",
    ),
    (
        "SELECT name FROM students WHERE age > (SELECT AVG(age) FROM students)",
        "The name of students where age is more than the average age of students.",
    ),
    (
        "SELECT name FROM c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)",
        "The name of c where there are no orders where customer id is id of c.",
    ),
    (
        "SELECT a FROM t UNION SELECT a FROM u ORDER BY a",
        "The a of t; together with the a of u, each row once, sorted by a.",
    ),
    ("SELECT a FROM t EXCEPT SELECT a FROM u", "The a of t; without the a of u."),
    (
        "SELECT name, RANK() OVER (PARTITION BY school ORDER BY age DESC) FROM students",
        "The name and the rank within each school in order of age descending, from students.",
    ),
    (
        "SELECT day, SUM(amount) OVER (ORDER BY day) AS running FROM orders",
        "The day and the total amount so far in order of day as running, from orders.",
    ),
    (
        "SELECT CASE WHEN age >= 18 THEN 'adult' ELSE 'child' END AS kind FROM t",
        "Kind ('adult' if age is at least 18, else 'child') of t.",
    ),
    (
        "SELECT strftime('%Y', day), COUNT(DISTINCT school) FROM t LIMIT 10 OFFSET 20",
        "The year of day and the number of different school, from t, leaving out the first 20, "
        "the first 10 only.",
    ),
    (
        "INSERT INTO students (name, age) VALUES ('x', 3), ('y', 4)",
        "Add to students (name and age) the 2 given rows.",
    ),
    (
        "UPDATE students SET age = age + 1 WHERE name = 'y'",
        "In students set age to age plus 1 where name is 'y'.",
    ),
    ("DELETE FROM students", "Delete all students."),
    ("DELETE FROM students WHERE age < 3", "Delete students where age is less than 3."),
]


@pytest.mark.parametrize(("sql", "said"), CASES, ids=[said[:40] for _, said in CASES])
def test_says_what_a_statement_asks_for(sql: str, said: str) -> None:
    assert explain(sql, "sqlite") == [said]


def test_common_tables_are_explained_before_what_uses_them() -> None:
    sql = "WITH recent AS (SELECT * FROM orders WHERE amount > 5) SELECT AVG(amount) FROM recent"
    assert explain(sql, "postgres") == [
        "Recent: all columns of orders where amount is more than 5.",
        "The average amount of recent.",
    ]


def test_words_every_query_of_six_businesses_without_falling_back_to_sql() -> None:
    texts = [path.read_text(encoding="utf-8") for path in LEARNING.glob("*/*.jsonl")]
    statements = [json.loads(line)["sql"] for text in texts for line in text.splitlines()]
    assert len(statements) > 300
    said = [" ".join(explain(sql, "sqlite")) for sql in statements]
    assert [text for text in said if "`" in text or not text.endswith(".")] == []


@pytest.mark.parametrize(
    "sql", ["", "SELECT FROM WHERE", "CREATE TABLE t (a INT)", "SELECT 1; SELECT 2"]
)
def test_says_why_something_is_not_explained(sql: str) -> None:
    with pytest.raises(UnparsableError, match=r"\.$"):
        explain(sql, "sqlite")


def test_nesting_without_end_is_an_error_and_no_crash() -> None:
    deep = "SELECT " + "(" * 5000 + "1" + ")" * 5000
    with pytest.raises(UnparsableError, match="nested too deeply"):
        explain(deep, "sqlite")


def test_a_comment_keeps_to_its_indentation_and_width() -> None:
    lines = comment_lines(["A sentence " * 20 + "end.", "Another."], "    ").splitlines()
    assert all(line.startswith("    -- : ") and len(line) <= 80 for line in lines)
    assert lines[-1] == "    -- : Another."
