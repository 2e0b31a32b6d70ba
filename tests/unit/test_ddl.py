"""From DDL text to tables, in each dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from squill.ddl import parse_schema

if TYPE_CHECKING:
    from squill.schema import Table

BASE = "CREATE TABLE t (a INT, b TEXT, z INT);\n"


def outline(table: Table) -> str:
    """One line that shows all of a table."""
    columns = ", ".join(
        f"{'*' if c.primary_key else ''}{c.name}{f' {c.type}' if c.type else ''}"
        + (f" -- {c.comment}" if c.comment else "")
        for c in table.columns
    )
    keys = "".join(
        f" {'+'.join(k.columns)}->{k.table}({'+'.join(k.referenced_columns)})"
        for k in table.foreign_keys
    )
    kind = "" if table.kind == "table" else f"{table.kind} "
    comment = f" -- {table.comment}" if table.comment else ""
    return f"{kind}{table.qualified_name}({columns}){keys}{comment}"


def outlines(text: str, dialect: str = "") -> list[str]:
    parsed = parse_schema(text, dialect)
    assert parsed.problems == ()
    return [outline(table) for table in parsed.schema.tables]


CREATE_CASES = [
    ("sqlite", "CREATE TABLE t (a, b PRIMARY KEY)", "t(a, *b)"),
    (
        "sqlite",
        'CREATE TABLE IF NOT EXISTS "my t" ("a b" TEXT NOT NULL, `c` INT DEFAULT (1+2), [d] REAL)',
        "my t(a b TEXT, c INT, d REAL)",
    ),
    (
        "sqlite",
        "CREATE TABLE t (a INT REFERENCES x(y), b INT, PRIMARY KEY (a, b DESC),"
        " CONSTRAINT q FOREIGN KEY (b) REFERENCES main.z)",
        "t(*a INT, *b INT) b->main.z()",
    ),
    ("sqlite", "CREATE TABLE t (a INT REFERENCES x(y) ON DELETE CASCADE)", "t(a INT) a->x(y)"),
    ("sqlite", "CREATE TEMP TABLE t (a DECIMAL( 10 , 2 ))", "temporary t(a DECIMAL( 10 , 2 ))"),
    ("sqlite", "CREATE VIRTUAL TABLE v USING fts5(a, b)", "v(a, b)"),
    (
        "postgres",
        "CREATE TABLE public.film (id integer DEFAULT nextval('f'::regclass) NOT NULL,"
        " title character varying(255), at timestamp with time zone, tags text[],"
        " x numeric(5,2) GENERATED ALWAYS AS (a*2) STORED, CONSTRAINT pk PRIMARY KEY (id))",
        "public.film(*id integer, title character varying(255), at timestamp with time zone,"
        " tags text[], x numeric(5,2))",
    ),
    (
        "mysql",
        "CREATE TABLE `x` (`id` int(11) unsigned NOT NULL AUTO_INCREMENT COMMENT 'key',"
        " `e` enum('a','b') CHARACTER SET utf8, PRIMARY KEY (`id`), KEY `k` (`e`),"
        " CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `o` (`oid`)) ENGINE=InnoDB COMMENT='rows'",
        "x(*id int(11) unsigned -- key, e enum('a','b')) id->o(oid) -- rows",
    ),
    (
        "duckdb",
        "CREATE TABLE d (s STRUCT(a INTEGER, b VARCHAR), l INTEGER[])",
        "d(s STRUCT(a INTEGER, b VARCHAR), l INTEGER[])",
    ),
    (
        "bigquery",
        "CREATE TABLE `p.d.t` (a STRUCT<x INT64, y STRING> OPTIONS(description='hello'))"
        " PARTITION BY DATE(x) OPTIONS(description='rows')",
        "p.d.t(a STRUCT<x INT64, y STRING> -- hello) -- rows",
    ),
    (
        "snowflake",
        "CREATE OR REPLACE TABLE DB.S.T (ID NUMBER(38,0) NOT NULL autoincrement start 1"
        " increment 1 noorder, V VARIANT COMMENT 'any', PRIMARY KEY (ID)) CLUSTER BY (ID)",
        "DB.S.T(*ID NUMBER(38,0), V VARIANT -- any)",
    ),
    (
        "tsql",
        "CREATE TABLE [dbo].[Orders]([Id] [int] IDENTITY(1,1) NOT NULL, [C] AS ([Id]+1) PERSISTED,"
        " [When] [datetime2](7) NULL, PRIMARY KEY CLUSTERED ([Id] ASC) WITH (PAD_INDEX = OFF)"
        " ON [PRIMARY]) ON [PRIMARY] TEXTIMAGE_ON [PRIMARY]\nGO",
        "dbo.Orders(*Id int, C, When datetime2(7))",
    ),
    ("tsql", "CREATE TABLE #tmp (a NVARCHAR(MAX))", "temporary #tmp(a NVARCHAR(MAX))"),
    (
        "oracle",
        'CREATE GLOBAL TEMPORARY TABLE "HR"."EMP" ("ID" NUMBER(6,0) NOT NULL ENABLE,'
        ' NAME VARCHAR2(20 BYTE), CONSTRAINT "PK" PRIMARY KEY ("ID") USING INDEX PCTFREE 10 ENABLE)'
        " SEGMENT CREATION IMMEDIATE TABLESPACE users",
        "temporary HR.EMP(*ID NUMBER(6,0), NAME VARCHAR2(20 BYTE))",
    ),
]


@pytest.mark.parametrize(("dialect", "ddl", "expected"), CREATE_CASES)
def test_reads_a_table(dialect: str, ddl: str, expected: str) -> None:
    assert outlines(ddl, dialect) == [expected]


CHANGE_CASES = [
    ("sqlite", "ALTER TABLE t ADD COLUMN x INT DEFAULT 3", "t(a INT, b TEXT, z INT, x INT)"),
    ("sqlite", "ALTER TABLE T DROP a", "t(b TEXT, z INT)"),
    ("sqlite", "ALTER TABLE t RENAME COLUMN A TO c", "t(c INT, b TEXT, z INT)"),
    ("sqlite", "ALTER TABLE t RENAME TO u", "u(a INT, b TEXT, z INT)"),
    (
        "postgres",
        "ALTER TABLE ONLY public.t ADD CONSTRAINT pk PRIMARY KEY (a), ADD COLUMN q int,"
        " DROP COLUMN z, ALTER COLUMN a TYPE bigint, ALTER b SET DATA TYPE varchar(3)",
        "t(*a BIGINT, b VARCHAR(3), q int)",
    ),
    ("postgres", "ALTER TABLE t RENAME a TO c", "t(c INT, b TEXT, z INT)"),
    ("postgres", "ALTER TABLE t SET SCHEMA s", "s.t(a INT, b TEXT, z INT)"),
    (
        "postgres",
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.o(id) ON DELETE CASCADE",
        "t(a INT, b TEXT, z INT) a->s.o(id)",
    ),
    ("postgres", "ALTER TABLE t OWNER TO me; CREATE INDEX i ON t (a)", "t(a INT, b TEXT, z INT)"),
    (
        "postgres",
        "COMMENT ON TABLE t IS 'rows'; COMMENT ON COLUMN public.t.a IS 'it''s';"
        "COMMENT ON COLUMN t.b IS 'x'; COMMENT ON COLUMN t.b IS NULL",
        "t(a INT -- it's, b TEXT, z INT) -- rows",
    ),
    (
        "mysql",
        "ALTER TABLE t MODIFY COLUMN a BIGINT, CHANGE COLUMN b bb INT, ADD (q int, r int),"
        " ADD INDEX (a)",
        "t(a BIGINT, bb INT, z INT, q int, r int)",
    ),
    ("mysql", "RENAME TABLE t TO `my t`", "my t(a INT, b TEXT, z INT)"),
    ("tsql", "ALTER TABLE dbo.t ADD x int NULL, y int", "t(a INT, b TEXT, z INT, x int, y int)"),
    (
        "tsql",
        "ALTER TABLE [t] WITH CHECK ADD CONSTRAINT [f] FOREIGN KEY([a]) REFERENCES [o] ([id])\nGO",
        "t(a INT, b TEXT, z INT) a->o(id)",
    ),
    (
        "tsql",
        "ALTER TABLE t ADD CONSTRAINT p PRIMARY KEY CLUSTERED (a ASC, b)",
        "t(*a INT, *b TEXT, z INT)",
    ),
    ("tsql", "EXEC sp_rename 'dbo.t.a', 'c', 'COLUMN'", "t(c INT, b TEXT, z INT)"),
    ("tsql", "EXEC sp_rename 't', 'u'", "u(a INT, b TEXT, z INT)"),
    ("oracle", "ALTER TABLE t MODIFY (a NUMBER, b CLOB)", "t(a NUMBER, b CLOB, z INT)"),
    ("oracle", "ALTER TABLE t ADD (x NUMBER)", "t(a INT, b TEXT, z INT, x NUMBER)"),
    ("oracle", "RENAME t TO u", "u(a INT, b TEXT, z INT)"),
]


@pytest.mark.parametrize(("dialect", "ddl", "expected"), CHANGE_CASES)
def test_follows_a_change(dialect: str, ddl: str, expected: str) -> None:
    assert outlines(BASE + ddl, dialect) == [expected]


DERIVED_CASES = [
    ("sqlite", "CREATE VIEW v AS SELECT a, b AS bb, z + 1 FROM t", "view v(a, bb, z + 1)"),
    ("sqlite", "CREATE VIEW v (p, q) AS SELECT a, b FROM t", "view v(p, q)"),
    ("sqlite", "CREATE VIEW v AS SELECT x.*, 1 AS one FROM t AS x", "view v(a, b, z, one)"),
    (
        "sqlite",
        "CREATE TABLE v AS WITH c(k) AS (SELECT a FROM t)"
        " SELECT *, s.b FROM c, (SELECT b FROM t) s",
        "v(k, b)",
    ),
    ("sqlite", "CREATE VIEW v AS SELECT a FROM t UNION SELECT b FROM t", "view v(a)"),
    ("postgres", "CREATE MATERIALIZED VIEW v AS SELECT * FROM t WITH NO DATA", "view v(a, b, z)"),
    ("postgres", "CREATE TABLE v (LIKE t INCLUDING ALL, c int)", "v(a INT, b TEXT, z INT, c int)"),
    ("postgres", "CREATE TABLE v PARTITION OF t FOR VALUES IN (1)", "v(a INT, b TEXT, z INT)"),
    ("mysql", "CREATE TABLE v LIKE t", "v(a INT, b TEXT, z INT)"),
    ("snowflake", "CREATE TABLE v CLONE t", "v(a INT, b TEXT, z INT)"),
    ("duckdb", "CREATE TEMP TABLE v AS SELECT a, count(*) AS n FROM t", "temporary v(a, n)"),
]


@pytest.mark.parametrize(("dialect", "ddl", "expected"), DERIVED_CASES)
def test_derives_columns_from_other_tables(dialect: str, ddl: str, expected: str) -> None:
    assert outlines(BASE + ddl, dialect)[1:] == [expected]


@pytest.mark.parametrize("ddl", ["DROP TABLE IF EXISTS other, T CASCADE", "DROP VIEW t"])
def test_drops_a_table(ddl: str) -> None:
    assert outlines(BASE + ddl, "postgres") == []


def test_a_trailing_comment_is_the_columns() -> None:
    ddl = """CREATE TABLE t ( -- the table
      a INT, -- the a
      -- about nothing
      b VARCHAR(20) NOT NULL, /* bee */
      c NUMERIC(10, 2) -- last
      , d INT)"""
    assert outlines(ddl) == [
        "t(a INT -- the a, b VARCHAR(20) -- bee, c NUMERIC(10, 2) -- last, d INT)"
    ]


def test_a_rename_reaches_the_foreign_keys_of_others() -> None:
    ddl = """CREATE TABLE o (id INT); CREATE TABLE t (o_id INT REFERENCES o(id));
    ALTER TABLE o RENAME TO p; ALTER TABLE p RENAME COLUMN id TO pid;"""
    assert outlines(ddl) == ["p(pid INT)", "t(o_id INT) o_id->p(pid)"]


def test_a_dropped_column_takes_its_foreign_key_with_it() -> None:
    ddl = "CREATE TABLE t (a INT, b INT REFERENCES o(id)); ALTER TABLE t DROP COLUMN b"
    assert outlines(ddl) == ["t(a INT)"]


def test_a_table_is_found_with_and_without_its_default_namespace() -> None:
    assert outlines("CREATE TABLE public.t (a INT); ALTER TABLE t ADD b INT", "postgres") == [
        "public.t(a INT, b INT)"
    ]


def test_same_name_in_two_namespaces_is_two_tables() -> None:
    ddl = "CREATE TABLE s.t (a INT); CREATE TABLE u.t (b INT); ALTER TABLE u.t ADD c INT"
    assert outlines(ddl) == ["s.t(a INT)", "u.t(b INT, c INT)"]


def test_if_not_exists_keeps_the_first_of_one_text() -> None:
    ddl = "CREATE TABLE t (a INT); CREATE TABLE IF NOT EXISTS t (b INT)"
    assert outlines(ddl) == ["t(a INT)"]


def test_a_dump_drops_and_creates() -> None:
    ddl = "CREATE TABLE t (a INT); DROP TABLE IF EXISTS t; CREATE TABLE t (b INT)"
    assert outlines(ddl) == ["t(b INT)"]


IGNORED = [
    "INSERT INTO x VALUES (1, 'CREATE TABLE y (a INT)')",
    "SELECT * FROM nothing",
    "CREATE INDEX i ON t (a)",
    "CREATE FUNCTION f() RETURNS TABLE (a INT) AS $$ SELECT 1 $$ LANGUAGE sql",
    "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET a = 1; END",
    "CREATE TYPE mood AS ENUM ('sad')",
    "GRANT SELECT ON TABLE t TO me",
    "PRAGMA foreign_keys = ON",
    "BEGIN",
]


@pytest.mark.parametrize("statement", IGNORED)
def test_what_defines_no_table_is_left_alone(statement: str) -> None:
    assert outlines(f"{statement};\n{BASE}") == ["t(a INT, b TEXT, z INT)"]


def test_an_alter_of_an_unknown_table_changes_nothing() -> None:
    assert outlines(BASE + "ALTER TABLE nowhere ADD x INT") == ["t(a INT, b TEXT, z INT)"]
