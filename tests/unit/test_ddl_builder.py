"""Broken statements, several sources, and what a second build still knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squill.ddl import ParsedSchema, SchemaBuilder, SchemaSource, builder, parse_schema
from squill.errors import UsageError


def names(parsed: ParsedSchema) -> list[str]:
    return [table.qualified_name for table in parsed.schema.tables]


BROKEN = [
    "CREATE TABLE broken (x INT,, y TEXT",
    "CREATE TABLE broken (x INT y TEXT);",
    "CREATE TABLE broken (x TEXT DEFAULT 'oops);",
    "CREATE TABLE",
    "CREATE TABLE broken (",
    "CREATE TABLE broken (x STRUCT<a INT64);",
    "ALTER TABLE first RENAME COLUMN TO",
    "DROP TABLE;",
    "CREATE VIEW broken AS SELECT FROM WHERE;",
    "COMMENT ON TABLE first IS",
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_statement_loses_itself_only(broken: str) -> None:
    text = f"CREATE TABLE first (a INT);\n\n{broken}\n\nCREATE TABLE last (b TEXT DEFAULT 'x');\n"
    parsed = parse_schema(text)
    assert names(parsed) == ["first", "last"]
    assert [column.name for t in parsed.schema.tables for column in t.columns] == ["a", "b"]


def test_a_problem_says_where_and_what() -> None:
    text = "CREATE TABLE a (x INT);\n\nCREATE TABLE b (\n  x INT,\n  y INT TEXT\n);\n"
    (problem,) = parse_schema(text, name="schema.sql").problems
    assert (problem.source, problem.line) == ("schema.sql", 5)
    assert text[problem.offset :].startswith("TEXT")
    assert "left out" in problem.message
    assert str(problem).startswith("schema.sql:5: ")


def test_unknown_options_and_constraints_do_not_cost_the_columns() -> None:
    parsed = parse_schema("CREATE TABLE t (a INT, PRIMARY KEY (a)) FOO BAR BAZ = 3")
    assert parsed.problems == ()
    assert parsed.schema.tables[0].columns[0].primary_key


def test_later_sources_override_earlier_ones_in_place() -> None:
    sources = [
        SchemaSource("a.sql", "CREATE TABLE t (a INT); CREATE TABLE u (b INT)"),
        SchemaSource("b.sql", "CREATE TABLE IF NOT EXISTS t (c INT)"),
    ]
    parsed = SchemaBuilder().build(sources)
    assert [(t.name, t.columns[0].name) for t in parsed.schema.tables] == [("t", "c"), ("u", "b")]


def test_one_source_may_alter_what_another_defines() -> None:
    sources = [
        SchemaSource("1.sql", "CREATE TABLE t (a INT)"),
        SchemaSource("2.sql", "ALTER TABLE t ADD b INT"),
    ]
    (table,) = SchemaBuilder().build(sources).schema.tables
    assert [column.name for column in table.columns] == ["a", "b"]


def test_the_last_header_decides_the_dialect_of_all() -> None:
    sources = [
        SchemaSource("a.sql", "-- dialect: mysql\nCREATE TABLE t (a INT)"),
        SchemaSource("b.sql", "-- dialect: postgres\n"),
        SchemaSource("c.sql", "SELECT 1"),
    ]
    parsed = SchemaBuilder().build(sources)
    assert (parsed.schema.dialect, parsed.dialect_origin) == ("postgres", "header")


def test_an_unknown_header_is_a_problem_and_an_unknown_setting_an_error() -> None:
    parsed = parse_schema("-- dialect: klingon\nCREATE TABLE t (a INT)")
    assert names(parsed) == ["t"]
    assert "klingon" in parsed.problems[0].message
    with pytest.raises(UsageError, match="klingon"):
        parse_schema("", "klingon")


def test_editing_one_statement_parses_one(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed_texts: list[str] = []
    original = builder._parse_statement

    def counting(statement: builder.Statement, dialect: str) -> builder._ParsedStatement:
        parsed_texts.append(statement.text)
        return original(statement, dialect)

    monkeypatch.setattr(builder, "_parse_statement", counting)
    statements = [f"CREATE TABLE t{i} (a INT)" for i in range(20)]
    keeper = SchemaBuilder()
    keeper.build([SchemaSource("s", ";\n".join(statements))])
    assert len(parsed_texts) == 20
    statements[7] = "CREATE TABLE t7 (b INT)"
    parsed = keeper.build([SchemaSource("s", ";\n".join(statements))])
    assert parsed_texts[20:] == ["CREATE TABLE t7 (b INT)"]
    assert parsed == parse_schema(";\n".join(statements), name="s")


def test_only_what_the_last_build_used_is_kept() -> None:
    keeper = SchemaBuilder()
    for number in range(5):
        keeper.build([SchemaSource("s", f"CREATE TABLE t{number} (a INT)")])
    assert len(keeper._statements) == 1
    assert len(keeper._splits) == 1


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    parse_schema("ALTER TABLE t FROBNICATE; CREATE TABLE t (a INT) WITH SYSTEM VERSIONING FOO;")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (a INT DEFAULT "
        + "(" * 5000
        + "1"
        + ")" * 5000
        + "); CREATE TABLE u (b INT)",
        "CREATE VIEW v AS " + "SELECT * FROM (" * 2000 + "SELECT 1" + ")" * 2000,
    ],
)
def test_deep_nesting_is_no_error(text: str) -> None:
    parse_schema(text)


PIECES = st.sampled_from(
    [
        *(
            "CREATE TABLE",
            " t ",
            "(",
            ")",
            ",",
            "a INT",
            "b TEXT",
            "PRIMARY KEY",
            "REFERENCES",
            ";",
        ),
        *("ALTER TABLE t ", "ADD ", "DROP ", "RENAME ", "COLUMN ", "TO ", "VIEW v AS ", "SELECT *"),
        *("COMMENT ON ", " FROM t", "'", '"', "`", "[", "]", "--", "\n", "STRUCT<", ">", "EXEC "),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=100).map("CREATE ".__add__))
def test_no_text_is_an_error(text: str) -> None:
    for dialect in ("", "tsql", "bigquery"):
        parse_schema(text, dialect)
