"""Accepted statements are found again, however their document is edited meanwhile."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from squill.pairs.comments import asked_statements
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

    def save(self) -> None:
        self.acceptances.saved(URI, self.text)

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
    document.save()
    document.edit(f"{SQL};", "")
    assert document.sql == ""
    document.edit(f"-- {QUESTION}\n", f"-- {QUESTION}\nSELECT id FROM clients;")
    assert document.sql == "SELECT id FROM clients"


def test_a_deleted_statement_is_none_and_says_whether_its_question_is_left() -> None:
    document = Document()
    document.save()
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


def test_what_is_typed_into_a_cleared_document_is_none_of_it() -> None:
    document = Document()
    document.save()
    document.edit(document.text, "")
    document.edit("", "SELECT town FROM clients;\n")
    assert document.acceptances.standing(URI, document.text) == []


def test_a_cleared_document_line_by_line_gives_the_next_statement_to_nobody() -> None:
    document = Document()
    document.save()
    for part in (f"{SQL};\n", f"-- {QUESTION}\n", HEAD, "\nSELECT 1;\n"):
        document.edit(part, "")
    document.edit("", "SELECT town FROM clients;\n")
    assert document.sql == ""


def test_another_question_in_its_place_has_nothing_of_it() -> None:
    document = Document()
    document.save()
    document.edit(f"{SQL};", "")
    document.edit(QUESTION, "which towns are there")
    document.edit("there\n", "there\nSELECT town FROM clients;")
    assert document.sql == ""


def test_a_file_replaced_on_disk_ends_it() -> None:
    document = Document()
    document.save()
    document.edit(document.text, f"-- {QUESTION}\nSELECT id FROM clients;\n")
    assert document.acceptances.standing(URI, document.text) == []


def test_a_formatter_that_writes_the_whole_document_anew_is_followed() -> None:
    document = Document()
    formatted = f"select 1;\n\n-- {QUESTION}\nselect count(*)\nfrom clients\nwhere grade = 'G';\n"
    document.edit(document.text, formatted)
    assert document.sql == "select count(*)\nfrom clients\nwhere grade = 'G'"
    document.edit("'G'", "'A'")
    assert document.sql.endswith("'A'")


def test_a_statement_moved_with_its_question_in_one_edit_is_followed() -> None:
    document = Document()
    block = f"-- {QUESTION}\n{SQL};\n"
    document.edit(f"{block}\nSELECT 1;\n", f"SELECT 1;\n\n{block}")
    assert document.sql == SQL


def test_what_was_undone_before_it_was_saved_was_never_accepted() -> None:
    document = Document()
    document.edit(f"{SQL};", "")
    [standing] = document.acceptances.standing(URI, document.text)
    assert (standing.sql, standing.asks) == ("", False)
    document.edit(f"-- {QUESTION}\n", f"-- {QUESTION}\nselect count")
    assert document.sql == ""


def test_a_saving_without_what_was_undone_accepts_nothing() -> None:
    document = Document()
    document.edit(f"{SQL};", "")
    document.save()
    document.edit(f"-- {QUESTION}\n", f"-- {QUESTION}\nSELECT id FROM clients")
    assert document.sql == ""


def test_redo_brings_back_what_was_undone() -> None:
    document = Document()
    document.edit(f"{SQL};", "")
    document.edit(f"-- {QUESTION}\n", f"-- {QUESTION}\n{SQL};")
    document.edit("'G'", "'A'")
    assert document.sql == SQL.replace("'G'", "'A'")


@pytest.mark.parametrize("around", ["-- {}", "/* {} */"])
def test_a_statement_that_is_commented_out_is_not_taken_back(around: str) -> None:
    document = Document()
    document.save()
    document.edit(SQL, around.format(SQL))
    [standing] = document.acceptances.standing(URI, document.text)
    assert (standing.sql, standing.asks) == ("", False)


def test_a_question_that_is_a_part_of_another_is_not_left() -> None:
    document = Document(TEXT.replace("SELECT 1;", f"-- {QUESTION} and in which towns\nSELECT 1;"))
    document.save()
    document.edit(f"{SQL};\n", "")
    document.edit(f"-- {QUESTION}\n\n", "\n")
    [standing] = document.acceptances.standing(URI, document.text)
    assert (standing.sql, standing.asks) == ("", False)


@pytest.mark.parametrize("other", ["SELECT 5", "WITH a AS (SELECT 1 AS b) SELECT b FROM a"])
def test_another_statement_below_the_same_words_has_nothing_of_it(other: str) -> None:
    document = Document(f"{TEXT}\n-- {QUESTION}\n{other};\n")
    document.save()
    document.edit(f"{SQL};", "")
    document.edit(f"-- {QUESTION}\n", "")
    assert document.sql == ""


def test_the_next_statement_that_moves_up_to_its_question_has_nothing_of_it() -> None:
    document = Document(
        f"{HEAD}-- {QUESTION}\n{SQL};\nWITH a AS (SELECT 1 AS b) SELECT b FROM a;\n"
    )
    document.save()
    document.edit(f"{SQL};\n", "")
    [standing] = document.acceptances.standing(URI, document.text)
    assert (standing.sql, standing.asks) == ("", False)


def test_without_its_question_only_a_correction_is_followed() -> None:
    document = Document()
    document.save()
    document.edit(f"-- {QUESTION}\n", "")
    document.edit("COUNT(*)", "COUNT(id)")
    assert document.sql == SQL.replace("*", "id")
    document.edit(SQL.replace("*", "id"), "SELECT town FROM clients")
    assert document.sql == ""


def test_another_statement_below_another_question_has_nothing_of_it() -> None:
    document = Document()
    document.save()
    document.edit(QUESTION, "which towns are there")
    document.edit(SQL, "SELECT town FROM clients")
    assert document.sql == ""


def test_a_statement_typed_between_it_and_its_question_leaves_it() -> None:
    document = Document()
    document.save()
    document.edit(SQL, f"SELECT id FROM clients;\n{SQL}")
    assert document.sql == SQL


def test_undo_takes_back_what_was_accepted_with_its_alternatives() -> None:
    others = "-- SELECT id\n-- FROM clients;\n-- SELECT town FROM clients;"
    document = Document(TEXT.replace(f"{SQL};", f"{SQL};\n{others}"))
    document.save()
    document.edit(f"{SQL};\n{others}", "")
    [standing] = document.acceptances.standing(URI, document.text)
    assert (standing.sql, standing.asks) == ("", True)
    document.edit(f"-- {QUESTION}\n", f"-- {QUESTION}\nSELECT id\nFROM clients;")
    assert document.sql == "SELECT id\nFROM clients"


def test_a_statement_cut_and_pasted_with_its_question_is_followed_again() -> None:
    document = Document()
    block = f"-- {QUESTION}\n{SQL};\n"
    document.edit(block, "")
    assert document.acceptances.standing(URI, document.text) == []
    document.edit("SELECT 1;\n", f"SELECT 1;\n\n{block}")
    assert document.sql == SQL
    document.edit("'G'", "'A'")
    assert document.sql == SQL.replace("'G'", "'A'")


def test_a_statement_cut_and_pasted_below_an_empty_line_is_its_own() -> None:
    document = Document()
    document.save()
    document.edit(f"{SQL};\n", "")
    document.edit(f"-- {QUESTION}\n", f"-- {QUESTION}\n\n{SQL};\n")
    assert document.sql == SQL


def test_a_question_left_alone_takes_nothing_back_that_is_answered_elsewhere() -> None:
    document = Document()
    document.save()
    document.edit(f"{SQL};", "")
    document.edit("SELECT 1;\n", f"SELECT 1;\n\n-- {QUESTION}\n{SQL};\n")
    [standing] = document.acceptances.standing(URI, document.text)
    assert (standing.sql, standing.asks) == ("", False)


def test_a_copy_that_is_followed_already_is_not_followed_twice() -> None:
    document = Document()
    block = f"-- {QUESTION}\n{SQL};\n"
    document.edit(block, "")
    document.edit("SELECT 1;\n", f"SELECT 1;\n\n{block}")
    near = document.text.index(SQL)
    document.acceptances.accept(URI, document.text, "sqlite", near, QUESTION, SQL)
    assert len(document.acceptances.standing(URI, document.text)) == 1


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


_OTHERS = ("SELECT name FROM species", "SELECT town FROM clients", "-- a note", "select count")
_ASKED = tuple(
    (f"which {word} are there", f"SELECT {word} FROM clients") for word in ("id", "town")
)


class AcceptanceModel(RuleBasedStateMachine):
    """Random edits of a document with accepted statements, against what may become of each.

    Whatever happens, a kept pair's new statement stands in the document below the pair's own
    question, or was typed within the statement itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.acceptances = Acceptances()
        self.text = ""
        self.past: list[str] = []
        self.within: dict[str, set[str]] = {}

    def change(self, after: str) -> None:
        self.acceptances.edited(URI, self.text, after)
        self.past.append(self.text)
        self.text = after

    @rule(number=st.integers(0, len(_ASKED) - 1), at_top=st.booleans())
    def accept(self, number: int, at_top: bool) -> None:
        question, sql = _ASKED[number]
        if question in self.text:
            return
        block = f"-- {question}\n{sql};\n\n"
        self.change(block + self.text if at_top else self.text + block)
        near = self.text.index(block)
        if self.acceptances.accept(URI, self.text, "sqlite", near, question, sql):
            self.within[question] = {sql}

    @rule(number=st.integers(0, len(_ASKED) - 1))
    def correct(self, number: int) -> None:
        question, sql = _ASKED[number]
        corrected = f"{sql} WHERE id > 1"
        if f"-- {question}\n{sql};" in self.text:
            self.change(self.text.replace(f"{sql};", f"{corrected};", 1))
            self.within.setdefault(question, set()).add(corrected)

    @rule(
        start=st.integers(0, 400), length=st.integers(0, 400), other=st.sampled_from(("", *_OTHERS))
    )
    def replace(self, start: int, length: int, other: str) -> None:
        start = min(start, len(self.text))
        self.change(self.text[:start] + other + self.text[start + length :])

    @rule(other=st.sampled_from(("", *(f"{each};\n" for each in _OTHERS))))
    def replace_all(self, other: str) -> None:
        self.change(other)

    @precondition(lambda self: self.past)
    @rule()
    def undo(self) -> None:
        before = self.past.pop()
        self.change(before)
        self.past.pop()

    @rule()
    def save(self) -> None:
        standings = self.acceptances.saved(URI, self.text)
        asked = {(a.question, a.sql) for a in asked_statements(self.text, "sqlite")}
        for standing in standings:
            if not standing.sql:
                continue
            below_its_question = (standing.question, standing.sql) in asked
            own = any(
                SequenceMatcher(None, standing.sql, sql, autojunk=False).ratio() > 0.3
                for sql in self.within[standing.acceptance.question]
            )
            assert below_its_question or own, (standing, self.text)

    @invariant()
    def each_statement_is_one_acceptances(self) -> None:
        for standing in self.acceptances.standing(URI, self.text):
            assert 0 <= standing.acceptance.start <= standing.acceptance.end <= len(self.text)


TestAcceptanceModel = AcceptanceModel.TestCase
TestAcceptanceModel.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
