"""Links between a question's words and the names in the prompt."""

from __future__ import annotations

import pytest

from squill.ddl import parse_schema
from squill.prompt.slots.associations import associations
from squill.prompt.slots.keys import word_keys
from squill.prompt.slots.linking import name_links, word_links
from squill.prompt.slots.numbering import Numbering

SHOP = parse_schema(
    """
    CREATE TABLE customers (id INTEGER, firstName TEXT, last_name TEXT, Nationality TEXT);
    CREATE TABLE order_items (id INTEGER, "Unit price" REAL, run_up TEXT);
    """,
    "sqlite",
).schema
# <c1> id <c2> firstName <c3> last_name <c4> Nationality | <c5> id <c6> Unit price <c7> run_up

# question, the words that carry links with their links
CASES = [
    ("the unit price", {"price": "<c6>"}),
    ("unit prices", {"prices": "<c6>"}),
    ("UNIT-PRICE", {"PRICE": "<c6>"}),
    ("first name and last name", {"name": "<c2>", "name2": "<c3>"}),
    ("names of customers", {"names": "<in><c2><c3>", "customers": "<t1>"}),
    ("ids", {"ids": "<c1><c5>"}),
    ("national", {"national": "<c4>"}),
    ("all items", {"items": "<in><t2>"}),
    ("a run up the hill", {"up": "<c7>"}),
    ("up", {}),
    ("the last of them", {"last": "<in><c3>"}),
    ("nothing here", {}),
    ("", {}),
]


@pytest.mark.parametrize(("question", "expected"), CASES)
def test_words_link_to_the_names_they_spell(question: str, expected: dict[str, str]) -> None:
    numbering = Numbering(SHOP, question)
    found: dict[str, str] = {}
    links, named = name_links(numbering)
    assert named >= {index for index, link in enumerate(links) if link}
    for word, link in zip(numbering.words, links, strict=True):
        if link:
            found[word.text if word.text not in found else f"{word.text}2"] = link
    assert found == expected


GAMES = parse_schema(
    """CREATE TABLE games (game_date DATE, surface TEXT, crowd INTEGER, season INTEGER,
       first_year INTEGER, last_year INTEGER, middle_year INTEGER, final_year INTEGER)"""
).schema


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("attendance in December", ["<in><c3>", "", "<in><c1>"]),
        ("clay", ["<in><c2>"]),
        ("the surface clay", ["", "<c2>", "<in><c2>"]),
        ("crowd", ["<c3>"]),
        ("1999", [""]),  # it could be one of four
        ("zzz", [""]),
    ],
)
def test_a_word_links_to_the_column_that_it_speaks_of(question: str, expected: list[str]) -> None:
    assert word_links(Numbering(GAMES, question)) == expected


@pytest.mark.parametrize(
    ("question", "keys"),
    [
        ("1999 2011 7000 12 57", ["#year", "#year", "#4", "#2", "#2"]),
        ("Cities, city", ["city", None, "city"]),
        ("over in 26:15?", ["over", "in", "#0:0", None, "#0:0", None]),
        ("a 48-37 4th", ["a", "#0-0", None, "#0-0", "#0th", "th"]),
        ("$4,000", [None, "#$0,0", None, "#$0,0"]),
        ("12kilometres", ["#0a", "kilome"]),
    ],
)
def test_numbers_are_alike_by_what_is_written_around_them(
    question: str, keys: list[str | None]
) -> None:
    assert word_keys(Numbering(SHOP, question)) == keys


def test_a_rare_word_can_be_left_without_its_link() -> None:
    clay = Numbering(GAMES, "clay")
    met = associations()["clay"].schemas
    assert word_links(clay, fewest=met) == ["<in><c2>"]
    assert word_links(clay, fewest=met + 1) == [""]


@pytest.mark.parametrize(
    ("question", "ddl", "linked"),
    [
        ("how old is Ann", "CREATE TABLE t (name TEXT, age INT)", "<c2>"),
        ("how much does it cost", "CREATE TABLE t (name TEXT, price REAL)", "<c2>"),
        ("how much does it cost", "CREATE TABLE t (cost REAL, price REAL)", "<c1>"),
        ("when was Ann born", "CREATE TABLE t (name TEXT, birth_date DATE)", "<in><c2>"),
        ("how old is Ann", "CREATE TABLE t (name TEXT, height INT)", ""),
    ],
)
def test_a_measure_s_wording_links_to_its_column(question: str, ddl: str, linked: str) -> None:
    schema = parse_schema(ddl, "sqlite").schema
    assert "".join(word_links(Numbering(schema, question))) == linked


def test_links_follow_the_numbering() -> None:
    numbering = Numbering(SHOP, "unit price", first_table=3, first_column=41, first_word=7)
    assert word_links(numbering) == ["", "<c46>"]


def test_a_word_of_very_many_names_links_to_none() -> None:
    columns = ", ".join(f"total_{i} REAL" for i in range(9))
    schema = parse_schema(f"CREATE TABLE t ({columns})", "sqlite").schema
    assert word_links(Numbering(schema, "total")) == [""]
