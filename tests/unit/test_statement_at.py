"""Which statement a cursor means."""

from __future__ import annotations

import pytest

from squill_lsp.statement_at import indent_of, statement_at

TEXT = """-- how many are there
SELECT COUNT(*)
  FROM t;

  SELECT 2; SELECT 3;

-- far away


SELECT 4
"""


@pytest.mark.parametrize(
    ("here", "wanted"),
    [
        ("how many", "SELECT COUNT"),
        ("COUNT", "SELECT COUNT"),
        ("t;", "SELECT COUNT"),
        ("  SELECT 2", "SELECT 2"),
        ("LECT 3", "SELECT 3"),
        ("SELECT 4", "SELECT 4"),
    ],
)
def test_a_cursor_on_a_statement_or_its_comment_means_it(here: str, wanted: str) -> None:
    found = statement_at(TEXT, TEXT.index(here), "sqlite")
    assert found is not None
    assert found.text.startswith(wanted)


@pytest.mark.parametrize(
    "offset", [TEXT.index("-- far"), len(TEXT), TEXT.index("\n\n  SELECT 2") + 1]
)
def test_a_cursor_elsewhere_means_none(offset: int) -> None:
    assert statement_at(TEXT, offset, "sqlite") is None


def test_indentation_is_what_stands_alone_before_a_statement() -> None:
    assert indent_of(TEXT, TEXT.index("SELECT 2")) == "  "
    assert indent_of(TEXT, TEXT.index("SELECT 3")) == ""
