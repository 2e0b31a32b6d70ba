"""What ``%ask`` makes of a line, and the cells that it suggests: a text stays a text."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squill.errors import UsageError
from squill.schema import Column, Schema, Table
from squill_ipython.accepting import Suggestion, accepted_sql
from squill_ipython.connections import Connection, with_colons, without_parameters
from squill_ipython.magics import without_option

EVIL = (
    '"""); __import__("os").system("touch fired"); ("""',
    'name"""',
    'ends in "',
    "back\\slash",
    "line\nbreak",
    "carriage\rreturn",
    "nul\0",
    "''' + evil + '''",
    "{evil}",
    "at 12:30:05 and :name",
)
HOLDING = st.text() | st.sampled_from(EVIL)


def cell_of(kind: str, question: str, sql: str) -> str:
    return Connection("db", None, kind).cell(question, sql)


def only_text(cell: str) -> str:
    """The one string in the cell's code, which is else what it is for a harmless query."""
    tree = ast.parse(cell)
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert len(texts) == 1
    text = str(texts[0].value)
    texts[0].value = "SELECT 1"
    harmless = ast.parse(
        cell_of("sqlalchemy" if "sqlalchemy" in cell else "sqlite3", "q", "SELECT 1")
    )
    next(n for n in ast.walk(harmless) if isinstance(n, ast.Constant)).value = "SELECT 1"
    assert ast.dump(tree) == ast.dump(harmless)
    return text


@given(HOLDING)
def test_whatever_a_name_holds_a_cell_runs_the_query_and_nothing_else(name: str) -> None:
    sql = f'SELECT * FROM "{name}" WHERE 1'
    assert only_text(cell_of("sqlite3", "q", sql)).strip() == sql


@given(HOLDING, st.text())
def test_sqlalchemy_gets_no_parameters_that_the_query_has_not(name: str, question: str) -> None:
    sql = f"SELECT '{name}'"
    assert with_colons(without_parameters(sql)) == sql.replace("\\:", ":")
    only_text(cell_of("sqlalchemy", question, sql))


@given(st.text())
def test_a_question_stays_in_its_comment(question: str) -> None:
    cell = cell_of("sqlite3", question, "SELECT 1")
    assert only_text(cell).strip() == "SELECT 1"


@pytest.mark.parametrize("sql", ['SELECT * FROM "{{ evil() }}"', 'SELECT * FROM "{%x%}"'])
def test_jupysql_gets_no_template(sql: str) -> None:
    with pytest.raises(UsageError, match="takes for a template"):
        cell_of("jupysql", "q", sql)


@pytest.mark.parametrize(
    ("line", "name", "question"),
    [
        ('people named "Bob"', "", 'people named "Bob"'),
        ("what's the users' {name}, in $?", "", "what's the users' {name}, in $?"),
        ("-c shop who's there", "shop", "who's there"),
        ("--connection=shop who", "shop", "who"),
        ("--connection shop", "shop", ""),
        ("names with -c in them", "", "names with -c in them"),
        (r"a back\slash", "", r"a back\slash"),
    ],
)
def test_a_line_is_taken_as_it_is_typed(line: str, name: str, question: str) -> None:
    assert without_option(line) == (name, question)


@pytest.mark.parametrize("name", ["plain", 'q"""q', "back\\slash", "at 12:30"])
def test_the_accepted_query_is_the_one_that_was_suggested(name: str) -> None:
    schema = Schema((Table(name, (Column("id", "INTEGER"),), quoted=True),))
    quoted = name.replace('"', '""')
    sql = f'SELECT id FROM "{quoted}"'
    for kind in ("sqlite3", "sqlalchemy"):
        cell = cell_of(kind, "all ids", sql)
        assert accepted_sql(cell, Suggestion("all ids", sql, schema)) == sql
