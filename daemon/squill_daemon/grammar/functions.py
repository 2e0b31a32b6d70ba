"""The functions that a grammar knows, by dialect: names with their numbers of arguments, and forms.

Forms are in the notation of `squill_daemon.grammar.rules`, one alternative a line.
"""

from __future__ import annotations

_EVERYWHERE = """
ABS:1 ROUND:1-2 LENGTH:1 COALESCE:2-4 NULLIF:2 LOWER:1 UPPER:1 TRIM:1-2 REPLACE:3 SUBSTRING:2-3
FLOOR:1 CEIL:1 POWER:2 SQRT:1
"""
_WITHOUT = {"tsql": ("LENGTH", "CEIL"), "oracle": ("SUBSTRING",)}

_SCALARS = {
    "sqlite": """INSTR:2 IFNULL:2 SUBSTR:2-3 STRFTIME:1-3 DATE:1-3 TIME:1-2 DATETIME:1-3
        JULIANDAY:1-2 CONCAT:1-5""",
    "postgres": """CONCAT:1-5 LEFT:2 RIGHT:2 STRPOS:2 SPLIT_PART:3 TO_CHAR:2 TO_DATE:2
        AGE:1-2 GREATEST:2-4 LEAST:2-4 INITCAP:1""",
    "mysql": """CONCAT:1-5 LEFT:2 RIGHT:2 IFNULL:2 YEAR:1 MONTH:1 DAY:1 DATE:1 DATEDIFF:2
        DATE_FORMAT:2 CHAR_LENGTH:1 GREATEST:2-4 LEAST:2-4""",
    "duckdb": """CONCAT:1-5 LEFT:2 RIGHT:2 STRPOS:2 YEAR:1 MONTH:1 DAY:1
        DATE_DIFF:3 STRFTIME:2 GREATEST:2-4 LEAST:2-4""",
    "bigquery": """CONCAT:1-5 LEFT:2 RIGHT:2 STRPOS:2 IFNULL:2 SAFE_DIVIDE:2 DATE:1
        FORMAT_DATE:2 PARSE_DATE:2 GREATEST:2-4 LEAST:2-4""",
    "snowflake": """CONCAT:1-5 LEFT:2 RIGHT:2 IFNULL:2 NVL:2 YEAR:1 MONTH:1 DAY:1 TO_CHAR:1-2
        TO_DATE:1-2 GREATEST:2-4 LEAST:2-4""",
    "tsql": """CONCAT:2-5 LEFT:2 RIGHT:2 LEN:1 ISNULL:2 CHARINDEX:2-3 YEAR:1 MONTH:1 DAY:1
        EOMONTH:1""",
    "oracle": """CONCAT:2 NVL:2 INSTR:2-3 SUBSTR:2-3 TO_CHAR:1-2 TO_DATE:1-2 TRUNC:1-2 ADD_MONTHS:2
        MONTHS_BETWEEN:2 LAST_DAY:1 GREATEST:2-4 LEAST:2-4 INITCAP:1""",
}

_AGGREGATES = {
    "sqlite": "TOTAL:1 GROUP_CONCAT:1-2",
    "postgres": "STRING_AGG:2 ARRAY_AGG:1 BOOL_OR:1 BOOL_AND:1 STDDEV:1 VARIANCE:1",
    "mysql": "GROUP_CONCAT:1 STDDEV:1 VARIANCE:1",
    "duckdb": "STRING_AGG:2 MEDIAN:1 STDDEV:1 VARIANCE:1",
    "bigquery": "STRING_AGG:1-2 COUNTIF:1 STDDEV:1 VARIANCE:1",
    "snowflake": "LISTAGG:1-2 MEDIAN:1 STDDEV:1 VARIANCE:1",
    "tsql": "STRING_AGG:2 STDEV:1 VAR:1",
    "oracle": "MEDIAN:1 STDDEV:1 VARIANCE:1",
}

_EXTRACT = '"EXTRACT(" part " FROM " value ")"'
_CHOICE = '"{}(" condition ", " value ", " value ")"'
_PARTS = '("DATE_PART(" | "DATE_TRUNC(") PART ", " value ")"'
_FORMS = {
    "sqlite": [_CHOICE.format("IIF")],
    "postgres": ['"NOW()"', '"INTERVAL " INTERVAL', _EXTRACT, _PARTS],
    "mysql": [
        _CHOICE.format("IF"),
        '"CURDATE()"',
        '"NOW()"',
        '("DATE_ADD(" | "DATE_SUB(") value ", " "INTERVAL " value " " part ")"',
        _EXTRACT,
    ],
    "duckdb": ['"NOW()"', '"INTERVAL " (INTERVAL | number " " part)', _EXTRACT, _PARTS],
    "bigquery": [
        _CHOICE.format("IF"),
        '"CURRENT_DATE()"',
        '("DATE_ADD(" | "DATE_SUB(") value ", " "INTERVAL " number " " part ")"',
        '"DATE_DIFF(" value ", " value ", " part ")"',
        '"DATE_TRUNC(" value ", " part ")"',
        _EXTRACT,
    ],
    "snowflake": [
        _PARTS,
        _CHOICE.format("IFF"),
        '"CURRENT_DATE()"',
        '("DATEADD(" | "DATEDIFF(") part ", " value ", " value ")"',
        _EXTRACT,
    ],
    "tsql": [
        _CHOICE.format("IIF"),
        '"GETDATE()"',
        '("DATEADD(" | "DATEDIFF(") part ", " value ", " value ")"',
        '"DATEPART(" part ", " value ")"',
    ],
    "oracle": ['"SYSDATE"', '"INTERVAL " string " " part', _EXTRACT],
}

_YEAR_OR_MONTH = """("STRFTIME('%Y', " | "STRFTIME('%m', ")"""
_BEGINNINGS = {"sqlite": [f'{_YEAR_OR_MONTH} (arguments_1 | arguments_2) ")"']}

_TYPES = {
    "sqlite": "REAL INTEGER TEXT",
    "postgres": "INT BIGINT DECIMAL VARCHAR TEXT DATE TIMESTAMP BOOLEAN",
    "mysql": "SIGNED UNSIGNED DECIMAL CHAR DATE DATETIME DOUBLE",
    "duckdb": "INT BIGINT DOUBLE DECIMAL TEXT VARCHAR DATE TIMESTAMP BOOLEAN",
    "bigquery": "INT64 FLOAT64 NUMERIC STRING DATE TIMESTAMP BOOL",
    "snowflake": "INT FLOAT DECIMAL VARCHAR DATE TIMESTAMP BOOLEAN",
    "tsql": "INTEGER BIGINT FLOAT DECIMAL DATE DATETIME2 VARCHAR",
    "oracle": "NUMBER INTEGER DATE TIMESTAMP",
}


def _counted(text: str) -> list[tuple[str, int, int]]:
    found = []
    for entry in text.split():
        name, _, count = entry.partition(":")
        least, _, most = count.partition("-")
        found.append((name, int(least), int(most or least)))
    return found


def scalars(dialect: str) -> list[tuple[str, int, int]]:
    """Scalar functions with the least and the most arguments."""
    without = _WITHOUT.get(dialect, ())
    common = [function for function in _counted(_EVERYWHERE) if function[0] not in without]
    return common + _counted(_SCALARS[dialect])


def aggregates(dialect: str) -> list[tuple[str, int, int]]:
    """Aggregates beside COUNT, SUM, AVG, MIN and MAX."""
    return _counted(_AGGREGATES[dialect])


def forms(dialect: str, *, exact: bool) -> list[str]:
    """Dates, intervals and what else is written in a way of its own.

    ``exact``: with the beginnings that the embedded model has as one token.
    """
    own = [*_FORMS[dialect], *(_BEGINNINGS.get(dialect, []) if exact else [])]
    return ['"CURRENT_DATE"', '"CURRENT_TIMESTAMP"', *own]


def types(dialect: str) -> list[str]:
    """What a CAST may turn a value into."""
    return _TYPES[dialect].split()
