"""The SQL dialects that Squill reads and writes, and how a text's dialect is found out."""

from __future__ import annotations

import re
from typing import Literal

from squill.errors import UsageError

DialectOrigin = Literal["setting", "header", "guess", "default"]

DEFAULT_DIALECT = "sqlite"

DIALECTS = ("sqlite", "postgres", "mysql", "duckdb", "bigquery", "snowflake", "tsql", "oracle")
"""Names as sqlglot has them."""

ALIASES = {
    "sqlite3": "sqlite",
    "postgresql": "postgres",
    "pg": "postgres",
    "mariadb": "mysql",
    "googlesql": "bigquery",
    "bq": "bigquery",
    "sqlserver": "tsql",
    "mssql": "tsql",
    "transactsql": "tsql",
    "oracledb": "oracle",
    "plsql": "oracle",
}
"""Other spellings of the same; lower case, without spaces and hyphens."""

_HEADER_CHARACTERS = 4000
_LEADING_COMMENTS = re.compile(r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*+", re.DOTALL)
_HEADER = re.compile(
    r"^[-/*\s]*dialect\s*[:=]\s*([A-Za-z0-9_+. -]*\w)", re.IGNORECASE | re.MULTILINE
)

# Enough for any schema; a dump's rows say nothing more.
_EVIDENCE_CHARACTERS = 200_000

# Names and texts are no evidence: a column may well be called "Number".
_NOISE = re.compile(r"""--[^\n]*|/\*(?!!).*?\*/|"[^"\n]*"|'[^'\n]*'""", re.DOTALL)
_AFTER_NAME = re.compile(r"""(?<=[\w"'`\]])[ \t]+([A-Za-z_]\w*)""")

# Words that follow a name, types above all, by the dialects that have them. Weight 4: no other
# has it; 2: typical; 1: a hint that others share.
_WORDS: dict[str, dict[int, str]] = {
    "sqlite": {3: "AUTOINCREMENT"},
    "postgres": {
        4: "SERIAL BIGSERIAL SMALLSERIAL JSONB BYTEA TSVECTOR CITEXT",
        2: "VARYING",
        1: "TIMESTAMPTZ UUID",
    },
    "mysql": {
        4: "AUTO_INCREMENT",
        3: "UNSIGNED TINYTEXT MEDIUMTEXT LONGTEXT TINYBLOB MEDIUMBLOB LONGBLOB MEDIUMINT",
        1: "DATETIME",
    },
    "duckdb": {4: "HUGEINT UHUGEINT UBIGINT UINTEGER USMALLINT UTINYINT"},
    "bigquery": {4: "INT64 FLOAT64 BIGNUMERIC", 2: "STRING"},
    "snowflake": {4: "VARIANT TIMESTAMP_NTZ TIMESTAMP_LTZ TIMESTAMP_TZ", 1: "NUMBER"},
    "tsql": {
        4: "UNIQUEIDENTIFIER DATETIME2 DATETIMEOFFSET SMALLDATETIME",
        3: "CLUSTERED NONCLUSTERED",
        2: "NVARCHAR NCHAR NTEXT",
        1: "BIT",
    },
    "oracle": {5: "VARCHAR2 NVARCHAR2", 2: "NUMBER CLOB NCLOB BFILE SYSDATE"},
}
_WEIGHT_OF_WORD = [
    (word, dialect, weight)
    for dialect, by_weight in _WORDS.items()
    for weight, words in by_weight.items()
    for word in words.split()
]

# Dialect, weight, a part that the form cannot do without (looked for first: it is much cheaper),
# and the form. The text is in upper case.
_FORMS = [
    (dialect, weight, part, re.compile(pattern, re.MULTILINE))
    for dialect, weight, part, pattern in [
        ("sqlite", 4, "ROWID", r"\bWITHOUT\s+ROWID\b"),
        ("sqlite", 4, "PRAGMA", r"^\s*PRAGMA\s"),
        ("sqlite", 3, "STRICT", r"\)\s*STRICT\s*;"),
        ("sqlite", 4, "SQLITE_", r"\bSQLITE_(?:MASTER|SEQUENCE|SCHEMA)\b"),
        ("postgres", 3, "WITHOUT", r"\bWITHOUT\s+TIME\s+ZONE\b"),
        ("postgres", 2, "IDENTITY", r"\bGENERATED\s+(?:ALWAYS|BY\s+DEFAULT)\s+AS\s+IDENTITY\b"),
        ("postgres", 3, "NEXTVAL", r"\bNEXTVAL\s*\("),
        ("postgres", 4, "OWNER", r"\bOWNER\s+TO\b"),
        ("postgres", 3, "'::", r"'::\w"),
        ("postgres", 4, "PG_CATALOG", r"\bPG_CATALOG\b"),
        ("postgres", 4, "EXTENSION", r"^\s*CREATE\s+EXTENSION\b"),
        ("postgres", 2, "[]", r"\bTEXT\s*\[\]"),
        ("postgres", 4, "ONLY", r"\bALTER\s+TABLE\s+ONLY\b"),
        ("postgres", 2, "ENUM", r"\bAS\s+ENUM\b"),
        ("mysql", 4, "ENGINE", r"\bENGINE\s*=\s*\w"),
        ("mysql", 4, "DELIMITER", r"^\s*DELIMITER\s"),
        ("mysql", 2, "ENUM", r"[\w`]\s+ENUM\s*\('"),
        ("mysql", 4, "CHARSET", r"\bDEFAULT\s+CHARSET\b"),
        ("mysql", 2, "`", r"`\w[^`.\n]*`"),
        ("mysql", 4, "/*!", r"/\*!\d{5}"),
        ("mysql", 3, "RENAME", r"^\s*RENAME\s+TABLE\b"),
        ("duckdb", 4, "READ_", r"\bREAD_(?:CSV|CSV_AUTO|PARQUET|JSON|JSON_AUTO)\s*\("),
        ("duckdb", 3, "STRUCT", r"\bSTRUCT\s*\("),
        ("duckdb", 2, "MAP", r"\bMAP\s*\(\s*\w+\s*,"),
        ("duckdb", 3, "[]", r"\b(?:VARCHAR|DOUBLE)\s*\[\]"),
        ("duckdb", 4, "MACRO", r"\bCREATE\s+(?:OR\s+REPLACE\s+)?MACRO\b"),
        ("duckdb", 3, "ATTACH", r"^\s*ATTACH\s+'"),
        ("bigquery", 4, "STRUCT", r"\bSTRUCT\s*<"),
        ("bigquery", 3, "ARRAY", r"\bARRAY\s*<"),
        ("bigquery", 3, "OPTIONS", r"\bOPTIONS\s*\("),
        ("bigquery", 4, "`", r"`[\w-]+\.[\w-]+(?:\.[\w-]+)?`"),
        ("snowflake", 4, "TRANSIENT", r"\bTRANSIENT\s+TABLE\b"),
        ("snowflake", 4, "AUTOINCREMENT", r"\bAUTOINCREMENT\s+START\b"),
        ("snowflake", 3, "NUMBER", r"\bNUMBER\s*\(\s*38\b"),
        ("snowflake", 2, "CLUSTER", r"\bCLUSTER\s+BY\s*\("),
        ("tsql", 4, "(MAX)", r"\bN?VARCHAR\s*\(MAX\)"),
        ("tsql", 4, "IDENTITY", r"\bIDENTITY\s*\(\s*\d+\s*,\s*\d+\s*\)"),
        ("tsql", 4, "GO", r"^[ \t]*GO[ \t]*\r?$"),
        ("tsql", 2, "[", r"\[[A-Z_][\w ]*\]"),
        ("tsql", 3, "DBO", r"\bDBO\]?\."),
        ("oracle", 2, "/", r"^/[ \t]*\r?$"),
        ("oracle", 3, "GLOBAL", r"\bGLOBAL\s+TEMPORARY\b"),
    ]
]


def canonical_dialect(name: str) -> str | None:
    """The dialect that ``name`` means, or None where Squill knows none of that name."""
    folded = re.sub(r"[\s_-]", "", name).casefold()
    folded = ALIASES.get(folded, folded)
    return folded if folded in DIALECTS else None


def require_dialect(name: str) -> str:
    """Like `canonical_dialect`.

    Raises:
        UsageError: no such dialect; the message lists those that there are.
    """
    dialect = canonical_dialect(name)
    if dialect is None:
        raise UsageError(
            f"Squill knows no SQL dialect named {name!r}. Use one of: {', '.join(DIALECTS)}."
        )
    return dialect


def header_name(text: str) -> str | None:
    """What a ``dialect: NAME`` line in the leading comments says, as written, or None."""
    comments = _LEADING_COMMENTS.match(text[:_HEADER_CHARACTERS])
    header = _HEADER.search(comments.group()) if comments else None
    return header.group(1) if header else None


def guess_dialect(text: str) -> str | None:
    """The dialect that the text's types, quotes and options speak for, or None.

    A form counts once, however often it occurs; on equal evidence the more common dialect wins.
    """
    sample = _NOISE.sub(_emptied, text[:_EVIDENCE_CHARACTERS]).upper()
    words = set(_AFTER_NAME.findall(sample))
    scores = dict.fromkeys(DIALECTS, 0)
    for word, dialect, weight in _WEIGHT_OF_WORD:
        scores[dialect] += weight * (word in words)
    for dialect, weight, part, form in _FORMS:
        if part in sample and form.search(sample):
            scores[dialect] += weight
    best = max(DIALECTS, key=lambda dialect: scores[dialect])
    return best if scores[best] > 1 else None


def _emptied(noise: re.Match[str]) -> str:
    """A comment's or quoted text's place, its quotes kept: they end a name."""
    quote = noise.group()[0]
    return quote * 2 if quote in "\"'" else " "


def resolve_dialect(setting: str, text: str) -> tuple[str, DialectOrigin]:
    """The dialect of ``text`` and what decided it: setting, header comment, guess or default.

    A header comment that names no known dialect is passed over.

    Raises:
        UsageError: ``setting`` is not empty and names no known dialect.
    """
    if setting:
        return require_dialect(setting), "setting"
    header = header_name(text)
    if header and (dialect := canonical_dialect(header)):
        return dialect, "header"
    if guess := guess_dialect(text):
        return guess, "guess"
    return DEFAULT_DIALECT, "default"
