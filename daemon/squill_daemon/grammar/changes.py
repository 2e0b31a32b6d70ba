"""INSERT, UPDATE and DELETE: only for a question that asks for them."""

from __future__ import annotations

import re

_VERBS = [
    "insert",
    "add",
    "append",
    "create",
    "register",
    "delete",
    "remove",
    "erase",
    "update",
    "set",
    "change",
    "modify",
    "rename",
    "correct",
    "increase",
    "decrease",
    "raise",
    "lower",
    "double",
    "reset",
    "mark",
]
_ASKS = re.compile(
    r"\W*(?:please|kindly|now|then|also|(?:can|could|would) you|i want to|\s|,)*"
    rf"\b(?P<verb>{'|'.join(_VERBS)})\b(?!\s+up\b)",
    re.IGNORECASE,
)

CHANGE_RULES = """
change: "INSERT INTO " table_name " (" column_name (", " column_name)* ")" inserted
    | "UPDATE " table_name " SET " assignment (", " assignment)* where?
    | "DELETE FROM " table_name where?
inserted: " VALUES " row (", " row)* | " " query
row: "(" condition (", " condition)* ")"
assignment: column_name " = " condition
"""


def asks_for_change(question: str) -> bool:
    """Whether a question is an order to change rows: its first verb, politeness aside, is one."""
    return _ASKS.match(question) is not None
