"""Open documents, apart from the library that keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygls.workspace import TextDocument

_SUFFIXES = (".sql", ".ddl")


@dataclass(frozen=True, slots=True)
class Buffer:
    """An open document as it stood at ``version``. ``path`` is empty where it has no file."""

    uri: str
    version: int
    text: str
    path: str = ""


def is_sql_document(document: TextDocument) -> bool:
    """By the editor's language id ("sql", "mysql", "plsql"), or by the name."""
    by_language = "sql" in (document.language_id or "").lower()
    return by_language or document.uri.lower().endswith(_SUFFIXES)
