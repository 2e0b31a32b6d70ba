"""General questions: what a model must not forget.

Made-up ones over made-up tables, and some that people asked: ``wikisql.jsonl.gz`` holds questions
of WikiSQL's training set (NOTICE), one a table.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from sqlglot import exp

from squill.ddl import parse_schema
from squill.prompt.slots.numbering import Numbering
from squill.prompt.slots.spelling import to_sql
from squill_trainer.learning.examples import Example
from squill_trainer.pretrain.augmentation import named
from squill_trainer.pretrain.corpus import Pair as SlotPair
from squill_trainer.pretrain.corpus import Values, make_pair, read_pairs
from squill_trainer.pretrain.synthesis import entity_pairs, synthetic_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.schema import Schema

REPLAYED = (
    """CREATE TABLE students (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, school TEXT,
       grade TEXT, height REAL, city TEXT);
       CREATE TABLE courses (id INTEGER PRIMARY KEY, title TEXT, teacher TEXT, credits INTEGER);
       CREATE TABLE enrolments (student_id INTEGER REFERENCES students(id),
       course_id INTEGER REFERENCES courses(id), mark REAL, started DATE)""",
    """CREATE TABLE authors (author_id INTEGER PRIMARY KEY, name TEXT, country TEXT, born DATE);
       CREATE TABLE books (book_id INTEGER PRIMARY KEY, title TEXT, genre TEXT, pages INTEGER,
       price REAL, published DATE, author_id INTEGER REFERENCES authors(author_id))""",
    """CREATE TABLE products (product_id INTEGER PRIMARY KEY, name TEXT, category TEXT,
       price REAL, stock INTEGER, supplier_id INTEGER REFERENCES suppliers(supplier_id));
       CREATE TABLE suppliers (supplier_id INTEGER PRIMARY KEY, company TEXT, city TEXT,
       country TEXT, phone TEXT)""",
    """CREATE TABLE teams (id INTEGER PRIMARY KEY, team TEXT, city TEXT, founded INTEGER,
       stadium TEXT);
       CREATE TABLE players (id INTEGER PRIMARY KEY, player TEXT, position TEXT, goals INTEGER,
       height REAL, nationality TEXT, team_id INTEGER REFERENCES teams(id))""",
    """CREATE TABLE departments (dept_id INTEGER PRIMARY KEY, dept_name TEXT, building TEXT,
       budget REAL);
       CREATE TABLE employees (emp_id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT,
       job_title TEXT, salary REAL, hire_date DATE,
       dept_id INTEGER REFERENCES departments(dept_id))""",
    """CREATE TABLE flights (flight_number TEXT PRIMARY KEY, airline TEXT, origin TEXT,
       destination TEXT, distance INTEGER, departure_date DATE, price REAL)""",
    """CREATE TABLE artists (id INTEGER PRIMARY KEY, artist TEXT, genre TEXT, country TEXT);
       CREATE TABLE albums (id INTEGER PRIMARY KEY, title TEXT, label TEXT, sales INTEGER,
       release_date DATE, artist_id INTEGER REFERENCES artists(id))""",
    """CREATE TABLE invoices (invoice_id INTEGER PRIMARY KEY, client TEXT, amount REAL,
       currency TEXT, status TEXT, issued_on DATE, paid_on DATE)""",
    """CREATE TABLE films (film_id INTEGER PRIMARY KEY, title TEXT, director TEXT, year INTEGER,
       length INTEGER, rating REAL, language TEXT)""",
    """CREATE TABLE patients (patient_id INTEGER PRIMARY KEY, full_name TEXT, gender TEXT,
       birth_date DATE, city TEXT, weight REAL);
       CREATE TABLE visits (visit_id INTEGER PRIMARY KEY, reason TEXT, visit_date DATE, cost REAL,
       doctor TEXT, patient_id INTEGER REFERENCES patients(patient_id))""",
)
WATCHED = (
    """CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT, email TEXT, country TEXT,
       age INTEGER, created_at DATE);
       CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT, category TEXT, likes INTEGER,
       published_at DATE, user_id INTEGER REFERENCES users(id))""",
    """CREATE TABLE hotels (hotel_id INTEGER PRIMARY KEY, name TEXT, city TEXT, stars INTEGER,
       price REAL);
       CREATE TABLE bookings (booking_id INTEGER PRIMARY KEY, guest TEXT, nights INTEGER,
       total REAL, arrival_date DATE, hotel_id INTEGER REFERENCES hotels(hotel_id))""",
    """CREATE TABLE stations (station_id INTEGER PRIMARY KEY, station TEXT, line TEXT, zone INTEGER,
       opened DATE, passengers INTEGER)""",
    """CREATE TABLE recipes (id INTEGER PRIMARY KEY, dish TEXT, cuisine TEXT, minutes INTEGER,
       servings INTEGER, difficulty TEXT)""",
    """CREATE TABLE projects (project_id INTEGER PRIMARY KEY, project_name TEXT, manager TEXT,
       budget REAL, start_date DATE, department TEXT);
       CREATE TABLE tasks (task_id INTEGER PRIMARY KEY, description TEXT, assignee TEXT,
       hours INTEGER, due_date DATE, project_id INTEGER REFERENCES projects(project_id))""",
    """CREATE TABLE cities (city_id INTEGER PRIMARY KEY, name TEXT, country TEXT,
       population INTEGER, area REAL, mayor TEXT)""",
    """CREATE TABLE cars (id INTEGER PRIMARY KEY, model TEXT, manufacturer TEXT, colour TEXT,
       horsepower INTEGER, price REAL, registered DATE, owner TEXT)""",
)
_REPLAYED_REAL = 500
"""So many of people's questions are replayed; the others are watched."""
_VALUES = {
    "city": "Lisbon Osaka Leeds Quito Nairobi Turin Boston Perth Lagos Hanoi Bergen Gdansk",
    "country": "Norway Chile Kenya Japan Portugal Canada Poland Vietnam Peru Ghana Latvia",
    "name": "Harbour Atlas Meridian Bluebird Juniper Falcon Willow Sequoia Orchid Comet Amber",
    "title": "Nightfall Crossroads Homecoming Undertow Vertigo Solstice Echoes Lanterns Driftwood",
    "genre": "jazz drama poetry fantasy comedy folk mystery blues satire romance techno",
    "category": "garden sports travel science kitchen music health finance toys software",
    "status": "open paid overdue draft cancelled shipped pending returned approved",
    "team": "Rangers United Wanderers Rovers Tigers Lions Comets Falcons Harriers",
    "position": "goalkeeper striker winger captain pitcher guard forward midfielder",
    "language": "French Danish Korean Swahili Dutch Greek Turkish Finnish Czech",
    "colour": "red blue silver green black white orange grey purple",
    "department": "sales research marketing finance logistics support design legal",
}


@cache
def _schemas(texts: tuple[str, ...]) -> tuple[Schema, ...]:
    return tuple(parse_schema(text.replace("\n", " "), "sqlite").schema for text in texts)


def _where(column: str, value: str) -> str:
    return exp.select("*").from_("t").where(exp.column(column).eq(value)).sql(dialect="sqlite")


@cache
def general_values() -> Values:
    """Texts that may stand as values in made-up questions."""
    schema = parse_schema(
        "CREATE TABLE t (" + ", ".join(f"{kind} TEXT" for kind in _VALUES) + ")", "sqlite"
    ).schema
    return Values(
        make_pair(schema, f"{kind} {text}", _where(kind, text), "values")
        for kind, texts in _VALUES.items()
        for text in texts.split()
    )


def _general_examples(texts: tuple[str, ...], seed: str) -> Iterator[Example]:
    rng = Random(seed)  # noqa: S311 (draws examples, no secrets)
    synthetic = synthetic_pairs(_schemas(texts), general_values(), rng)
    entities = entity_pairs(general_values(), rng)
    while True:
        yield _example(next(entities) if rng.random() < 1 / 4 else next(synthetic))


@cache
def _asked_by_people() -> tuple[Example, ...]:
    """Of WikiSQL, its meaningless table names replaced by plausible ones."""
    rng = Random("names")  # noqa: S311 (draws names, no secrets)
    pairs = read_pairs(Path(__file__).with_name("wikisql.jsonl.gz"))
    return tuple(_example(replace(pair, schema=named(pair.schema, rng))) for pair in pairs)


def _example(pair: SlotPair) -> Example:
    numbering = Numbering(pair.schema, pair.question)
    sql = to_sql(pair.target, numbering, read="sqlite", write="sqlite")
    return Example(pair.question, sql, pair.schema)


@cache
def replayed_examples(count: int) -> tuple[Example, ...]:
    """Made-up questions to learn beside new pairs; the same ones each time."""
    return tuple(islice(_general_examples(REPLAYED, "replay"), count))


def real_examples() -> tuple[Example, ...]:
    """Questions of people to learn beside new pairs."""
    return _asked_by_people()[:_REPLAYED_REAL]


@cache
def made_up_examples(count: int) -> tuple[Example, ...]:
    """Questions that are never learned, over other tables than the replayed ones."""
    return tuple(islice(_general_examples(WATCHED, "watched"), count))


def watched_examples(count: int) -> tuple[Example, ...]:
    """Questions that are never learned: half made up, half asked by people."""
    return made_up_examples(count - count // 2) + _asked_by_people()[_REPLAYED_REAL:][: count // 2]
