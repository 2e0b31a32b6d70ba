"""How a statement fits into the user's file. ``|`` marks the cursor."""

from __future__ import annotations

import pytest

from squill_lsp.comments import SqlRequest, find_request
from squill_lsp.insertion import Insertion, Style, alternatives, insertion, keyword_case

SQL = "SELECT Name FROM students WHERE Age > 20"
LONG = (
    "SELECT Name, Age, School FROM students JOIN schools ON students.School = schools.Id "
    "WHERE Age > 20"
)


def place(marked: str, sql: str = SQL, style: Style | None = None) -> tuple[str, Insertion] | None:
    """The file after the insertion."""
    offset = marked.index("|")
    text = marked[:offset] + marked[offset + 1 :]
    request = find_request(text, offset)
    assert request is not None
    found = insertion(request, sql, style or Style())
    if found is None:
        return None
    at = request.insert_at
    return text[:at] + found.text + text[at + found.replaced :], found


CASES = {
    "below": ("-- who is old?\n|", f"-- who is old?\n{SQL};"),
    "at the end": ("-- who is old?|", f"-- who is old?\n{SQL};"),
    "indented": ("  -- who is old?\n|", f"  -- who is old?\n  {SQL};"),
    "indented already": ("  -- who is old?\n  |", f"  -- who is old?\n  {SQL};"),
    "half indented": ("    -- who is old?\n  |", f"    -- who is old?\n    {SQL};"),
    "indented more": ("-- who is old?\n  |", f"-- who is old?\n  {SQL};"),
    "indented, at the end": ("\t-- who is old?|", f"\t-- who is old?\n\t{SQL};"),
    "semicolon follows": ("-- who is old?\n|;", f"-- who is old?\n{SQL};"),
    "word begun": ("-- who is old?\nSELECT Na|", f"-- who is old?\n{SQL};"),
    "space typed": ("-- who is old?\nSELECT |", f"-- who is old?\n{SQL};"),
    "space not typed": ("-- who is old?\nSELECT|", f"-- who is old?\n{SQL};"),
    "wide spacing": ("-- who is old?\nSELECT   Name |", "-- who is old?\nSELECT   Name "
                     "FROM students WHERE Age > 20;"),
    "another line": ("-- who is old?\nSELECT Name\nFROM st|", "-- who is old?\nSELECT Name\n"
                     "FROM students WHERE Age > 20;"),
    "tight operator": ("-- who is old?\nSELECT Name FROM students WHERE Age>|",
                       "-- who is old?\nSELECT Name FROM students WHERE Age> 20;"),
    "typed in lower case": ("-- who is old?\nselect na|",
                            "-- who is old?\nselect name from students where Age > 20;"),
    "semicolon missing": (f"-- who is old?\n{SQL}|", f"-- who is old?\n{SQL};"),
    "typed, semicolon follows": ("-- who is old?\nSELECT Na|;", f"-- who is old?\n{SQL};"),
}  # fmt: skip


@pytest.mark.parametrize(("marked", "after"), CASES.values(), ids=CASES)
def test_the_statement_fits_into_the_file(marked: str, after: str) -> None:
    placed = place(marked)
    assert placed is not None
    assert placed[0] == after


@pytest.mark.parametrize("length", range(1, len(LONG)))
def test_every_beginning_of_a_statement_is_continued_to_its_end(length: int) -> None:
    question = "-- who is old?\n"
    placed = place(f"{question}{LONG[:length]}|", LONG)
    assert placed is not None
    assert placed[0].split() == f"{question}{LONG};".split()
    assert placed[1].statement.split() == LONG.split()


def test_closing_marks_that_the_editor_added_are_replaced() -> None:
    placed = place("-- how many?\nSELECT count(|)", "SELECT COUNT(*) FROM students")
    assert placed is not None
    assert placed[0] == "-- how many?\nSELECT count(*) FROM students;"


DIFFERENT = {
    "other words": "SELECT Ag|",
    "words run together": "SELECTName|",
    "a word split": "SELECT Na me|",
    "more than the statement": SQL + " AND Age|",
    "everything stands there": SQL + "|;",
    "no SQL": "hello|",
}


@pytest.mark.parametrize("typed", DIFFERENT.values(), ids=DIFFERENT)
def test_a_statement_that_does_not_continue_what_is_typed_is_left_out(typed: str) -> None:
    assert place("-- who is old?\n" + typed) is None


def test_inside_quotes_every_character_counts() -> None:
    sql = "SELECT Age FROM students WHERE Name = 'Wang  J'"
    assert place("-- who?\nSELECT Age FROM students WHERE Name = 'wang|", sql) is None
    assert place("-- who?\nSELECT Age FROM students WHERE Name = 'Wang J|", sql) is None
    placed = place("-- who?\nselect Age FROM students WHERE Name = 'Wang |", sql)
    assert placed is not None
    assert placed[0].endswith("'Wang  J';")


def test_a_long_statement_is_laid_out_over_lines_with_the_comments_indentation() -> None:
    placed = place("  -- who is old?\n  |", LONG)
    assert placed is not None
    lines = placed[0].split("\n")[1:]
    assert len(lines) > 3
    assert all(line.startswith("  ") and len(line) <= 80 for line in lines)
    assert lines[0] == "  SELECT"
    assert placed[0].endswith(";")


def test_indentation_never_enters_a_literal() -> None:
    placed = place("  -- who is it?\n  |", "SELECT 'a\nb' FROM students")
    assert placed is not None
    assert "'a\nb'" in placed[0]


def test_the_statement_that_will_stand_there_is_reported_for_checking() -> None:
    placed = place("-- who is old?\nselect na|")
    assert placed is not None
    assert placed[1].statement == "select name from students where Age > 20"


@pytest.mark.parametrize(
    ("code", "case"),
    [
        ("", "upper"),
        ("SELECT a FROM b", "upper"),
        ("select a from b", "lower"),
        ("create table t (a int); select a from t where a AND b", "lower"),
        ("CREATE TABLE t (a int);\nselect a", "upper"),
    ],
)
def test_keyword_case_follows_the_file(code: str, case: str) -> None:
    assert keyword_case(code) == case


def test_lower_case_keywords_leave_names_and_literals_alone() -> None:
    sql = "SELECT COUNT(DATE), NAME FROM ITEMS WHERE KIND = 'SELECT' GROUP BY NAME"
    style = Style(keyword_case="lower", names={"DATE", "NAME", "ITEMS", "KIND"})
    placed = place("-- how many?\n|", sql, style)
    assert placed is not None
    assert placed[1].statement == (
        "select count(DATE), NAME from ITEMS where KIND = 'SELECT' group by NAME"
    )


def test_alternatives_stand_below_the_first_as_comments_that_ask_nothing() -> None:
    request = SqlRequest("who is old?", 2, 16, 16, "  ", on_new_line=True)
    found = alternatives(request, [SQL, "SELECT 1", LONG], Style())
    assert found is not None
    lines = found.text.split("\n")
    assert lines[:3] == ["", f"  {SQL};", "  -- SELECT 1;"]
    assert all(line.startswith("  -- ") for line in lines[2:])
    text = "  -- who is old?" + found.text + "\n"
    assert find_request(text, len(text)) is None


def test_no_statement_makes_no_alternatives() -> None:
    request = SqlRequest("who is old?", 0, 14, 14, "", on_new_line=True)
    assert alternatives(request, [], Style()) is None


@pytest.mark.parametrize(
    ("code", "setting", "case"),
    [
        ("select a from t", "", "lower"),
        ("SELECT a FROM t", "", "upper"),
        ("", "", "upper"),
        ("SELECT a FROM t", "lower", "lower"),
        ("select a from t", "upper", "upper"),
    ],
)
def test_keywords_are_in_the_case_of_the_setting_else_of_the_file(
    code: str, setting: str, case: str
) -> None:
    assert keyword_case(code, setting) == case
