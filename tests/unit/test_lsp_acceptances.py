"""Accepted statements are found again, however their document is edited meanwhile."""

from __future__ import annotations

import pytest

from squill_lsp.acceptances import Acceptances, changed_region

URI = "file:///shop/queries.sql"
QUESTION = "how many gold clients are there"
SQL = "SELECT COUNT(*) FROM clients WHERE grade = 'G'"
HEAD = "CREATE TABLE clients (id INT, grade TEXT, town TEXT);\n\n"
TEXT = f"{HEAD}-- {QUESTION}\n{SQL};\n\nSELECT 1;\n"


class Document:
    """A document in which the statement was accepted."""

    def __init__(self, text: str = TEXT, sql: str = SQL) -> None:
        self.text = text
        self.acceptances = Acceptances()
        found = self.acceptances.accept(URI, text, "sqlite", text.find(SQL), QUESTION, sql)
        assert found is not None

    def edit(self, old: str, new: str) -> None:
        assert old in self.text
        after = self.text.replace(old, new, 1)
        self.acceptances.edited(URI, self.text, after)
        self.text = after

    @property
    def sql(self) -> str:
        [standing] = self.acceptances.standing(URI, self.text)
        return standing.sql


def test_what_was_accepted_stands_as_it_was_suggested() -> None:
    [standing] = Document().acceptances.standing(URI, TEXT)
    assert (standing.question, standing.sql, standing.edited) == (QUESTION, SQL, False)


def test_a_correction_within_it_is_what_stands() -> None:
    document = Document()
    document.edit("'G'", "'A'")
    document.edit("COUNT(*)", "COUNT(DISTINCT id)")
    [standing] = document.acceptances.standing(URI, document.text)
    assert standing.sql == "SELECT COUNT(DISTINCT id) FROM clients WHERE grade = 'A'"
    assert standing.edited


def test_a_new_layout_is_no_correction() -> None:
    document = Document()
    document.edit(" FROM", "\n  FROM")
    [standing] = document.acceptances.standing(URI, document.text)
    assert not standing.edited


@pytest.mark.parametrize("other", ["SELECT 2;\n\n", "-- a note\n\n", "\n", "S"])
def test_edits_before_and_behind_it_move_it_and_change_nothing(other: str) -> None:
    document = Document()
    document.edit("CREATE", f"{other}CREATE")
    document.edit(f"-- {QUESTION}", f"-- note\n-- {QUESTION}")
    document.edit("\n\nSELECT 1;", "\n\nSELECT 1, 2;")
    document.edit("SELECT 1, 2;", "")
    assert document.sql == SQL


def test_what_is_added_at_its_end_belongs_to_it() -> None:
    document = Document()
    document.edit(f"{SQL};", SQL)
    typed = ""
    for key in " LIMIT 5;":
        document.edit(f"{SQL}{typed}", f"{SQL}{typed}{key}")
        typed += key
    assert document.sql == f"{SQL} LIMIT 5"


def test_what_replaces_it_is_what_stands() -> None:
    document = Document()
    document.edit(SQL, "SELECT town FROM clients")
    assert document.sql == "SELECT town FROM clients"


def test_what_is_typed_where_it_was_deleted_is_what_stands() -> None:
    document = Document()
    document.edit(f"{SQL};", "")
    assert document.sql == ""
    document.edit(f"-- {QUESTION}\n", f"-- {QUESTION}\nSELECT id FROM clients;")
    assert document.sql == "SELECT id FROM clients"


def test_a_deleted_statement_is_none_and_says_whether_its_question_is_left() -> None:
    document = Document()
    document.edit(f"{SQL};\n", "")
    [standing] = document.acceptances.standing(URI, document.text)
    assert (standing.sql, standing.asks) == ("", True)
    document.edit(f"-- {QUESTION}\n", "")
    [standing] = document.acceptances.standing(URI, document.text)
    assert (standing.sql, standing.asks) == ("", False)


def test_undo_brings_it_back() -> None:
    document = Document()
    document.edit(f"{SQL};", "")
    document.edit(f"-- {QUESTION}\n", f"-- {QUESTION}\n{SQL};")
    assert document.sql == SQL


def test_the_question_is_the_one_that_stands_above_it_in_the_end() -> None:
    document = Document()
    document.edit(QUESTION, "number of gold clients")
    [standing] = document.acceptances.standing(URI, document.text)
    assert standing.question == "number of gold clients"
    document.edit("-- number of gold clients\n", "")
    [standing] = document.acceptances.standing(URI, document.text)
    assert (standing.question, standing.sql) == (QUESTION, SQL)


def test_an_alternative_that_took_its_place_is_what_stands() -> None:
    document = Document(TEXT.replace(";\n\nSELECT 1", ";\n-- SELECT id FROM clients;\n\nSELECT 1"))
    document.edit(f"{SQL};\n", "")
    document.edit("-- SELECT id", "SELECT id")
    assert document.sql == "SELECT id FROM clients"


def test_without_its_text_it_is_found_by_its_question() -> None:
    assert Document(sql="").sql == SQL


def test_the_nearest_of_two_equal_statements_is_followed() -> None:
    document = Document(f"{SQL};\n\n{TEXT}".replace(f"{SQL};", f"{SQL} ;", 1))
    document.edit(f"{SQL} ;", "")
    assert document.sql == SQL


def test_what_does_not_stand_there_is_not_followed() -> None:
    acceptances = Acceptances()
    assert acceptances.accept(URI, HEAD, "sqlite", 0, QUESTION, SQL) is None
    assert not acceptances.follows(URI)


def test_a_closed_document_is_followed_no_more() -> None:
    document = Document()
    document.acceptances.closed(URI)
    assert document.acceptances.standing(URI, document.text) == []


@pytest.mark.parametrize(
    ("before", "after", "region"),
    [
        ("abc", "abXc", (2, 2, 1)),
        ("abc", "ac", (1, 2, 0)),
        ("aaa", "aaaa", (3, 3, 1)),
        ("abc", "xyz", (0, 3, 3)),
        ("", "abc", (0, 0, 3)),
        ("abc", "abc", (3, 3, 0)),
    ],
)
def test_the_changed_region_is_the_smallest(
    before: str, after: str, region: tuple[int, int, int]
) -> None:
    assert changed_region(before, after) == region
