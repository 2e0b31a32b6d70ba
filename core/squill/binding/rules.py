"""Where the dialects differ in what a name may mean."""

from __future__ import annotations

SELECT_ALIAS_IN_WHERE = frozenset({"sqlite", "duckdb", "snowflake"})
SELECT_ALIAS_IN_GROUP_BY = frozenset(
    {"sqlite", "postgres", "mysql", "duckdb", "bigquery", "snowflake"}
)
SELECT_ALIAS_IN_HAVING = frozenset({"sqlite", "mysql", "duckdb", "bigquery", "snowflake"})
SELECT_ALIAS_IN_SELECT = frozenset({"duckdb", "snowflake"})

RECURSION_WITHOUT_KEYWORD = frozenset({"sqlite", "tsql", "oracle"})

# ``a.b`` may be field b of column a.
STRUCT_FIELDS = frozenset({"bigquery", "duckdb", "snowflake"})

# A table's alias stands for its whole row.
WHOLE_ROWS = frozenset({"postgres", "bigquery", "duckdb"})

# Every selected column must be grouped by, or stand inside an aggregate.
STRICT_GROUPING = frozenset({"postgres", "duckdb", "bigquery", "snowflake", "tsql", "oracle"})
GROUPING_BY_PRIMARY_KEY = frozenset({"postgres"})

HAVING_NEEDS_AGGREGATION = frozenset(
    {"sqlite", "postgres", "duckdb", "bigquery", "snowflake", "tsql", "oracle"}
)

# Columns that every table has without their being declared, and words that sqlglot reads as such.
SYSTEM_COLUMNS = {
    "sqlite": frozenset({"rowid", "_rowid_", "oid"}),
    "postgres": frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}),
    "mysql": frozenset[str](),
    "duckdb": frozenset({"rowid"}),
    "bigquery": frozenset({"_partitiontime", "_partitiondate", "_table_suffix", "_file_name"}),
    "snowflake": frozenset({"metadata$filename", "metadata$file_row_number"}),
    "tsql": frozenset[str](),
    "oracle": frozenset({"rowid", "ora_rowscn"}),
}
SYSTEM_VALUES = {
    "oracle": frozenset({"rownum", "level", "sysdate", "systimestamp", "user", "uid"}),
    "postgres": frozenset({"current_user", "session_user", "user", "current_catalog"}),
    "tsql": frozenset({"current_user", "session_user", "system_user", "user"}),
}
