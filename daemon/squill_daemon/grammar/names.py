"""The grammar's terminals: names and literals, from what a prompt format says of its answers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from squill_daemon.grammar.reserved import reserved
from squill_daemon.grammar.spelling import any_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from squill.prompt.terminals import TableTerminal, Terminals
    from squill_daemon.grammar.spelling import Spelling

MOST_TIED_TABLES = 40
"""Above it ``t.c`` takes any column of the schema: tied columns make masks slow."""

_IDENTIFIER = r"/[A-Za-z_][A-Za-z0-9_]{0,40}/"
_NUMBER = r"/[0-9]{1,18}(\.[0-9]{1,12})?/"
_QUOTE = "'"
_NOW = "'now'"
# sqlglot takes the word behind any other interval for its unit.
_UNIT = "(second|minute|hour|day|week|month|quarter|year)"
_INTERVAL = f"/'[0-9]{{1,4}} {_UNIT}s?'/"
_NEVER = r"/[^\x00-\u{10FFFF}]/"
_PLAIN_NAME = re.compile(r"\w+")
_QUOTE_IN_LITERAL = {"bigquery": r"\\'"}


def terminal_rules(terminals: Terminals, spelling: Spelling, made: Iterable[str] = ()) -> str:
    """Rules for names and literals. ``made``: names that the answer itself has made so far."""
    lines = [
        f"MADE: {_IDENTIFIER} & ~/{'|'.join(map(any_case, reserved(terminals.dialect)))}/",
        f"NUMBER: {_NUMBER}",
        "DIGITS: /[0-9]{1,2}/",
        f"INTERVAL: {_INTERVAL}",
        f"PART: /'{_UNIT}'/",
    ]
    if terminals.exact:
        lines += _slot_names(terminals, spelling) + _slot_literals(terminals, spelling)
    else:
        lines += _schema_names(terminals, spelling, sorted(made))
        lines += ["number: NUMBER", f"string: {_text_literal(terminals)}"]
    return "".join(f"{line}\n" for line in lines)


def _slot_names(terminals: Terminals, spelling: Spelling) -> list[str]:
    return [
        f"table: table_name ({spelling.keyword(' AS ')} qualifier)?",
        f"table_name: {spelling.one_of(t.source for t in terminals.tables)}",
        'column: (qualifier ".")? column_name | QUOTED ("." QUOTED)?',
        f"column_name: {spelling.one_of(c for t in terminals.tables for c in t.columns)}",
        f"qualifier: {spelling.one_of(terminals.aliases)}",
        "made: MADE | QUOTED",
        r'QUOTED: /"[^"<>\n]{1,80}"/',
        f"made_source: made ({spelling.keyword(' AS ')} made)?",
    ]


def _slot_literals(terminals: Terminals, spelling: Spelling) -> list[str]:
    free = "" if terminals.question is not None else " | TEXT | HEAD inside (MIDDLE? inside)* TAIL"
    return [
        "number: NUMBER | span",
        f"string: OPEN span CLOSE | now{free}",
        "OPEN: /'[%_]*/",
        "CLOSE: /[%_]*'/",
        "TEXT: /'([^'<]|'')*'/",
        "HEAD: /'([^'<]|'')*/",
        "MIDDLE: /([^'<]|'')+/",
        "TAIL: /([^'<]|'')*'/",
        f"inside: {spelling.one_of(k for k in terminals.keywords if _QUOTE not in k) or _NEVER}",
        f"now: {spelling.keyword(_NOW)}",
        *_spans(terminals.words, spelling),
    ]


def _spans(words: Sequence[str], spelling: Spelling) -> list[str]:
    """A span is its first and its last word: from each word on, that one or a later one ends it."""
    if not words:
        return [f"span: {_NEVER}"]
    pairs = (f"{spelling.one_of([word])} word_from_{i}" for i, word in enumerate(words))
    ends = (f"word_from_{i}: {spelling.one_of(words[i:])}" for i in range(len(words)))
    return [f"span: {' | '.join(pairs)}", *ends]


def _schema_names(terminals: Terminals, spelling: Spelling, made: list[str]) -> list[str]:
    tables = terminals.tables
    own = _bare_names(t.qualifier for t in tables)
    not_own = f"MADE & ~/{'|'.join(map(any_case, own))}/" if own else "MADE"
    known = f" | {_literals(made)}" if made else ""
    return [
        f"table: table_name ({spelling.keyword(' AS ')} ALIAS | BARE_ALIAS)?",
        f"table_name: {_literals(t.source for t in tables)}",
        f"ALIAS: {not_own}",
        "BARE_ALIAS: /[ \\t]/ ALIAS",
        "column: COLUMN_OR_MADE | qualified",
        "column_name: COLUMN",
        f"COLUMN: {_literals(c for t in tables for c in t.columns)}",
        f"COLUMN_OR_MADE: COLUMN{known}",
        "qualifier: ALIAS | " + _literals(t.qualifier for t in tables),
        *_qualified(tables),
        "made: MADE",
        f"MADE_SOURCE: {_literals(made) or _NEVER}",
        f"made_source: MADE_SOURCE ({spelling.keyword(' AS ')} ALIAS | BARE_ALIAS)?",
    ]


def _qualified(tables: Sequence[TableTerminal]) -> list[str]:
    if len(tables) > MOST_TIED_TABLES:
        return ['qualified: qualifier "." COLUMN_OR_MADE']
    tied = [f"{_literals([t.qualifier])} {_literals(['.'])} TIED_{i}" for i, t in enumerate(tables)]
    return [
        " | ".join(['qualified: ALIAS "." COLUMN_OR_MADE', *tied]),
        *(f"TIED_{i}: {_literals(t.columns)}" for i, t in enumerate(tables) if t.columns),
        *(f"TIED_{i}: {_NEVER}" for i, t in enumerate(tables) if not t.columns),
    ]


def _bare_names(names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if _PLAIN_NAME.fullmatch(name)})


def _literals(texts: Iterable[str]) -> str:
    return " | ".join(json.dumps(text) for text in sorted(set(texts)))


def _text_literal(terminals: Terminals) -> str:
    """Free, or words of the question with a LIKE's wildcards around them."""
    quote = _QUOTE_IN_LITERAL.get(terminals.dialect, "''")
    if terminals.question is None:
        return rf"/'([^'\\\n]|{quote})*'/"
    words = terminals.question.replace("\\", " ").replace("'", quote.replace("\\\\", "\\"))
    return "QUOTED_WORDS\nQUOTED_WORDS: /'[%_]*/ WORDS /[%_]*'/\nWORDS: %regex " + json.dumps(
        {"substring_words": words}
    )
