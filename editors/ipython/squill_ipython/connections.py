"""The database connections of a session: found among its variables, each with its own ways."""

from __future__ import annotations

import re
import sqlite3
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from squill.errors import UsageError
from squill_terminal.definitions import of_duckdb, of_sqlalchemy, of_sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from squill.schema import Schema

_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w)")
_NONE = (
    "There is no database connection in this session. Make one (of sqlite3, duckdb or SQLAlchemy, "
    "or with JupySQL's %sql) and ask again."
)


@dataclass(frozen=True, slots=True)
class Connection:
    """``name`` is the variable that holds it, empty for JupySQL's current one."""

    name: str
    value: Any
    kind: str

    def schema(self) -> Schema:
        """
        Raises:
            UsageError: Squill does not write its dialect.
        """
        if self.kind == "sqlite3":
            return of_sqlite(self.value)
        if self.kind == "duckdb":
            return of_duckdb(self.value)
        return of_sqlalchemy(self.value)

    def cell(self, question: str, sql: str) -> str:
        """A cell that runs ``sql`` by this connection, the question in a comment.

        Raises:
            UsageError: JupySQL would take a part of it for a template, which is code.
        """
        question = comment_text(question)
        if self.kind == "jupysql":
            if "{" in sql or "{" in question:
                raise UsageError(
                    "The query has a brace in it, which %%sql takes for a template. "
                    f"Run it by another connection: {sql!r}"
                )
            return f"%%sql\n-- {question}\n{sql}"
        if self.kind == "sqlalchemy":
            run = f"sqlalchemy.text({python_literal(without_parameters(sql))})"
            body = f"with {self.name}.connect() as connection:\n    rows = connection.execute("
            return f"# {question}\nimport sqlalchemy\n{body}{run}).fetchall()\nrows"
        method = "sql" if self.kind == "duckdb" else "execute"
        return f"# {question}\n{self.name}.{method}({python_literal(sql)}).fetchall()"


def comment_text(question: str) -> str:
    """A question as its comment has it: on one line, without control characters."""
    return "".join(sign for sign in " ".join(question.split()) if sign.isprintable())


def python_literal(sql: str) -> str:
    """Python's own spelling of a text: whatever it holds, it stays a text.

    A query that triple quotes hold as it is stands in these, where it is easier to change.
    """
    plain = f'"""\n{sql}\n"""'
    if "\\" in sql or '"""' in sql or not sql.isprintable():
        return repr(sql)
    return plain


def without_parameters(sql: str) -> str:
    """For ``sqlalchemy.text``, which takes ``:name`` for a parameter, in a string as well."""
    return _PARAMETER.sub(r"\\:", sql)


def with_colons(text: str) -> str:
    """The inverse of `without_parameters`."""
    return text.replace("\\:", ":")


def connections(variables: Mapping[str, Any]) -> Iterator[Connection]:
    """All of them, JupySQL's first; of a variable and its aliases, the first name alone."""
    if (current := _of_jupysql()) is not None:
        yield Connection("", current, "jupysql")
    seen: set[int] = set()
    for name, value in variables.items():
        kind = _kind(value)
        if kind and not name.startswith("_") and id(value) not in seen:
            seen.add(id(value))
            yield Connection(name, value, kind)


def choose(variables: Mapping[str, Any], name: str = "") -> Connection:
    """The connection of that name, else the only one there is.

    Raises:
        UsageError: there is none of that name, none at all, or several.
    """
    found = list(connections(variables))
    if name:
        found = [connection for connection in found if connection.name == name]
        if not found:
            raise UsageError(f"The variable {name} holds no database connection.")
    if not found:
        raise UsageError(_NONE)
    if found[1:]:
        names = ", ".join(connection.name or "JupySQL's" for connection in found)
        raise UsageError(f"There are several connections ({names}). Choose: %ask -c NAME QUESTION.")
    return found[0]


def _kind(value: Any) -> str:
    if isinstance(value, sqlite3.Connection):
        return "sqlite3"
    # What is not imported in this session has made no connection either.
    duckdb, sqlalchemy = sys.modules.get("duckdb"), sys.modules.get("sqlalchemy")
    if duckdb is not None and isinstance(value, duckdb.DuckDBPyConnection):
        return "duckdb"
    if sqlalchemy is not None and isinstance(value, sqlalchemy.Engine):
        return "sqlalchemy"
    return ""


def _of_jupysql() -> Any:
    """The SQLAlchemy connection that JupySQL's ``%sql`` would use now."""
    module = sys.modules.get("sql.connection")
    manager = getattr(module, "ConnectionManager", None)
    current = getattr(manager, "current", None)
    return getattr(current, "connection_sqlalchemy", None)
