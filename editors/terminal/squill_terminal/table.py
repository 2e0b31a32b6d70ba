"""Results as text tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from squill.terminal_text import visible_line

if TYPE_CHECKING:
    from squill_terminal.databases import Rows

_WIDEST = 60
"""Characters of one value; a longer one is cut."""


def as_table(result: Rows) -> Table:
    """Numbers to the right; a missing value is dim, so that it is no empty text."""
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False)
    for number, name in enumerate(result.columns):
        values = [row[number] for row in result.rows if row[number] is not None]
        is_number = bool(values) and all(_is_number(value) for value in values)
        table.add_column(
            Text(visible_line(name)),
            justify="right" if is_number else "left",
            max_width=_WIDEST,
            no_wrap=True,
        )
    for row in result.rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> Text:
    if value is None:
        return Text("NULL", style="dim")
    if isinstance(value, bytes):
        return Text(f"<{len(value)} bytes>", style="dim")
    return Text(visible_line(str(value)), overflow="ellipsis")


def summary(result: Rows) -> str:
    """ "3 rows, 12 ms"."""
    count = len(result.rows)
    rows = f"the first {count} rows" if result.more else f"{count} row{'s' * (count != 1)}"
    return f"{rows}, {1000 * result.seconds:.0f} ms"
