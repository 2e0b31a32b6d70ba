"""Statements that change a database, and questions that ask for one.

What was learned may say how a question is answered, never that it is answered by a change: a pair
in a cloned repository could turn "old orders" into a DELETE. So a change is an answer only where
the question's own words ask for one, by a verb in the imperative.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

NOT_ASKED_FOR = (
    "The statement changes the database, and the question's words don't ask for a change. Begin "
    "the question with what is to be done: insert, update, delete, create …"
)

_READING = (exp.Query, exp.Values, exp.Describe, exp.Show)
_CHANGING = (
    *(exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Into),
    *(exp.Create, exp.Drop, exp.Alter, exp.TruncateTable, exp.Command),
)
# Words that begin as many questions as commands, such as "store" and "record", aren't here.
_VERBS = (
    *(
        "activate",
        "add",
        "archive",
        "cancel",
        "restore",
        "alter",
        "append",
        "assign",
        "change",
        "clear",
        "correct",
        "create",
        "deactivate",
    ),
    *("decrease", "delete", "disable", "discard", "drop", "enable", "erase", "increase", "insert"),
    *("lower", "mark", "merge", "modify", "move", "overwrite", "prune", "purge", "put", "raise"),
    *("reassign", "register", "remove", "rename", "replace", "reset", "set", "truncate", "unset"),
    *("update", "upsert", "wipe"),
)
_POLITE = (
    r"(?:please|now|then|also|just|let's|lets|we|i|you|can|could|would|should|must|to|want|need)"
)
_IMPERATIVE = re.compile(
    rf"(?:^|[.;:,]|\b(?:and|then|please)\b)\W*(?:{_POLITE}\W+)*(?:{'|'.join(_VERBS)})\b",
    re.IGNORECASE,
)


def changes_database(tree: Expr | None) -> bool:
    """Whether running the statement could change data, tables or anything else."""
    if tree is None:
        return True
    return not isinstance(tree, _READING) or tree.find(*_CHANGING) is not None


def asks_for_change(question: str) -> bool:
    """Whether the words have an imperative that changes something, such as "delete"."""
    return _IMPERATIVE.search(question.strip()) is not None
