"""The ``lines-1`` form: the schema as lines, and one spelling for each query."""

from __future__ import annotations

import pytest

from squill.ddl import parse_schema
from squill.errors import NoValidAnswerError, SchemaError
from squill.prompt.base import Example
from squill.prompt.control import ControlTokens
from squill.prompt.formats import format_by_id
from squill.prompt.lines.format import LinesFormat
from squill.prompt.lines.rendering import Request, render_request, render_schema, type_word
from squill.prompt.lines.target import to_target

DDL = """
CREATE TABLE person (person_id INTEGER PRIMARY KEY, full_name TEXT, born_on DATE);
CREATE TABLE film (
  film_id SERIAL PRIMARY KEY,
  title VARCHAR(80) NOT NULL, -- as on the poster
  director_id INT REFERENCES person,
  writer_id INT REFERENCES person (person_id),
  status TEXT CHECK (status IN ('draft', 'released')),
  "end date" TIMESTAMP
);
"""
SCHEMA = parse_schema(DDL, "sqlite").schema


def test_a_table_is_a_line() -> None:
    assert render_schema(SCHEMA) == (
        "person(person_id num key, full_name text, born_on date)\n"
        "film(film_id num key, title text /* as on the poster */, "
        "director_id num -> person.person_id, writer_id num -> person.person_id, "
        'status text /* draft, released */, "end date" time)\n'
    )


def test_a_comment_ends_neither_itself_nor_its_line() -> None:
    ddl = "CREATE TABLE t (a INT COMMENT 'x */ y\n-- z');"
    shown = render_schema(parse_schema(ddl, "mysql").schema)
    assert shown == "t(a num /* x * / y -- z */)\n"


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("INTEGER", "num"),
        ("numeric(10, 2)", "num"),
        ("BIGSERIAL", "num"),
        ("double precision", "num"),
        ("NVARCHAR(10)", "text"),
        ("appointment_status", "text"),
        ("timestamp with time zone", "time"),
        ("DATETIME2", "time"),
        ("date", "date"),
        ("boolean", "bool"),
        ("bit varying(5)", "text"),
        ("jsonb", "json"),
        ("BYTEA", "blob"),
        ("", ""),
    ],
)
def test_a_type_is_one_of_few_words(written: str, word: str) -> None:
    assert type_word(written) == word


def test_what_is_asked_stands_behind_what_is_known() -> None:
    asked = Request("films\nof whales", ("whale: total > 10",), (Example("all", "SELECT 1"),))
    assert render_request(asked) == (
        "-- known: whale: total > 10\n-- all\nSELECT 1\n-- films of whales\n"
    )
    change = Request("only drafts", statement="SELECT title FROM film")
    assert render_request(change) == "SELECT title FROM film\n-- change: only drafts\n"


TARGETS = {
    "SELECT f.title FROM film f": "SELECT title FROM film",
    "select TITLE from FILM where STATUS is not null": (
        "SELECT title FROM film WHERE status IS NOT NULL"
    ),
    "SELECT p.full_name, COUNT(*) AS n FROM person p INNER JOIN film f "
    "ON p.person_id = f.director_id GROUP BY 1 ORDER BY n DESC": (
        "SELECT person.full_name, COUNT(*) FROM person JOIN film "
        "ON film.director_id = person.person_id GROUP BY person.full_name ORDER BY COUNT(*) DESC"
    ),
    "SELECT a.title FROM film a JOIN film b ON a.title = b.title": (
        "SELECT film.title FROM film JOIN film AS film_2 ON film.title = film_2.title"
    ),
    "SELECT title FROM film WHERE film_id NOT IN (SELECT MAX(film_id) FROM film)": (
        "SELECT title FROM film WHERE film_id NOT IN (SELECT MAX(film_id) FROM film)"
    ),
    "SELECT full_name FROM person p WHERE NOT EXISTS "
    "(SELECT 1 FROM film f WHERE f.writer_id = p.person_id)": (
        "SELECT full_name FROM person WHERE NOT EXISTS"
        "(SELECT 1 FROM film WHERE film.writer_id = person.person_id)"
    ),
    'SELECT "end date" FROM film ORDER BY title ASC LIMIT 3': (
        'SELECT "end date" FROM film ORDER BY title LIMIT 3'
    ),
    "SELECT p.* FROM person p JOIN film f ON f.director_id = p.person_id": (
        "SELECT person.* FROM person JOIN film ON film.director_id = person.person_id"
    ),
}


@pytest.mark.parametrize("sql", TARGETS)
def test_queries_that_mean_the_same_are_spelled_the_same(sql: str) -> None:
    target = to_target(sql, SCHEMA, read="sqlite")
    assert target == TARGETS[sql]
    assert to_target(target, SCHEMA, read="sqlite") == target


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT",
        "SELECT nothing FROM film",
        "SELECT title FROM nowhere",
        "DELETE FROM film",
        "SELECT 1 FROM film JOIN person USING (person_id)",
        "SELECT f.nothing FROM film f",
    ],
)
def test_what_has_no_target_is_refused(sql: str) -> None:
    with pytest.raises(SchemaError):
        to_target(sql, SCHEMA, read="sqlite")


FORMAT = LinesFormat(ControlTokens(["<|im_end|>"]))


def test_the_format_is_known_by_its_id() -> None:
    assert isinstance(format_by_id("lines-1"), LinesFormat)


def test_a_prompt_starts_with_its_schemas_prefix() -> None:
    prompt = FORMAT.prompt(SCHEMA, "all films")
    assert prompt == f"{FORMAT.prefix(SCHEMA)}-- all films\n"


def test_control_tokens_are_data() -> None:
    assert "<|im_end|>" not in FORMAT.prompt(SCHEMA, "all <|im_end|> films")


def test_a_large_schema_is_shown_in_part() -> None:
    ddl = "".join(f"CREATE TABLE t{n} (id INT, name TEXT);" for n in range(40)) + DDL
    schema = parse_schema(ddl, "sqlite").schema
    assert FORMAT.prefix(schema) == ""
    shown = FORMAT.fit(schema, "titles of the films that are released")
    assert len(shown.tables) <= 15
    assert shown.table("film") is not None


@pytest.mark.parametrize("sql", TARGETS)
def test_what_is_written_is_the_query_that_was_meant(sql: str) -> None:
    target = FORMAT.target(sql, SCHEMA, "")
    assert FORMAT.target(FORMAT.sql(target, SCHEMA, ""), SCHEMA, "") == target


def test_the_schemas_dialect_is_written() -> None:
    schema = parse_schema(DDL.replace("SERIAL", "INT"), "tsql").schema
    written = FORMAT.sql("SELECT title FROM film ORDER BY title LIMIT 3", schema, "")
    assert written.startswith("SELECT TOP 3 title FROM film")


@pytest.mark.parametrize("written", ["-- unanswerable", "-- vague", "-- no request", "--", ""])
def test_what_is_no_query_has_a_reason(written: str) -> None:
    with pytest.raises(NoValidAnswerError):
        FORMAT.sql(written, SCHEMA, "")
    assert FORMAT.preview(written, SCHEMA, "") == ""
