"""Finds the statements of a file that do not fit the schema. Pure; also the base of diagnostics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.binding import bind
from squill.statements import split_statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.schema import Schema
    from squill.statements import Statement

_CHECKED = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES"})

_OTHER_TEXT = """
ALTER ANALYZE ATTACH BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE
DECLARE DELIMITER DENY DESC DESCRIBE DETACH DISCARD DO DROP END EXEC EXECUTE EXPLAIN EXPORT FETCH
FLUSH FOR FROM GO GRANT IF IMPORT INSTALL KILL LET LIST LISTEN LOAD LOCK NOTIFY OPEN OPTIMIZE PIVOT
PRAGMA PREPARE PRINT PROMPT PURGE PUT REFRESH REINDEX RELEASE REM REMOVE RENAME REPLACE RESET RETURN
REVOKE ROLLBACK SAVEPOINT SECURITY SET SHOW SPOOL START SUMMARIZE TABLE TRUNCATE UNDROP UNLISTEN
UNLOCK UNPIVOT UPSERT USE VACUUM WHILE
"""
_OTHERS = frozenset(_OTHER_TEXT.split())
"""Words that begin statements which are not checked."""

_OBJECT_TEXT = """
AGGREGATE CAST COLLATION CONNECTION CONVERSION DATABASE DOMAIN DYNAMIC EVENT EXTENSION EXTERNAL
FILE FUNCTION INDEX LANGUAGE LIBRARY LOGIN MACRO MASKING MODEL OPERATOR PACKAGE PIPE POLICY
PROCEDURE PUBLICATION RESOURCE ROLE ROW RULE SCHEMA SECRET SEQUENCE SERVER STAGE STATISTICS
STREAM SUBSCRIPTION SYNONYM TABLE TABLESPACE TAG TASK TEXT TRANSFORM TRIGGER TYPE USER VIEW
WAREHOUSE
"""
_OBJECTS = frozenset(_OBJECT_TEXT.split())
"""What CREATE makes, in one dialect or another."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of the statement at ``start`` to ``end`` (characters)."""

    start: int
    end: int
    message: str


def check_text(text: str, schema: Schema) -> Iterator[Finding]:
    """Problems of the queries and changes in ``text``, and what is no statement at all.

    Definitions and the like are passed over: `squill.ddl` reports those that it cannot read.
    """
    for statement in split_statements(text, schema.dialect):
        for message in _problems(statement, schema):
            yield Finding(statement.start, statement.end, message)


def _problems(statement: Statement, schema: Schema) -> tuple[str, ...]:
    if statement.head in _CHECKED or statement.text.startswith("("):
        return bind(statement.text, schema).problems
    words = statement.text.split(maxsplit=12)
    if statement.head == "CREATE" and _OBJECTS.isdisjoint(word.upper() for word in words):
        return (f"It is not clear what `{' '.join(words[:2])}` creates.",)
    if statement.head not in _OTHERS and statement.text.strip():
        return (f"No SQL statement begins with `{words[0][:40] if words else ''}`.",)
    return ()
