"""Checking queries against a schema."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squill.binding import bind
from squill.ddl import parse_schema
from squill.dialects import DIALECTS
from squill.schema import Schema

DDL = """
CREATE TABLE students (Id INT PRIMARY KEY, Name TEXT, Age INT, School TEXT, "Home Town" TEXT);
CREATE TABLE courses (Id INT, Title TEXT, Credits INT);
CREATE TABLE enrolled (student_id INT REFERENCES students(Id), course_id INT, Grade INT);
"""


def schema(dialect: str) -> Schema:
    parsed = parse_schema(DDL, dialect)
    assert parsed.problems == ()
    return parsed.schema


SCHEMAS = {dialect: schema(dialect) for dialect in DIALECTS}

VALID = [
    "SELECT 1",
    "SELECT * FROM students",
    "SELECT name, AGE FROM Students",
    'SELECT "Name", "Home Town" FROM "students"',
    "SELECT s.Name FROM students AS s",
    "SELECT students.Name FROM students",
    "SELECT main.students.Name FROM main.students",
    "SELECT s.* FROM students s",
    "SELECT s.Name, c.Title FROM students s JOIN enrolled e ON e.student_id = s.Id"
    " JOIN courses c ON c.Id = e.course_id",
    "SELECT Name FROM students, enrolled WHERE students.Id = student_id",
    "SELECT Id, Title FROM students JOIN courses USING (Id)",
    "SELECT Id, Title FROM students NATURAL JOIN courses",
    "SELECT (SELECT count(*) FROM enrolled e WHERE e.student_id = s.Id) FROM students s",
    "SELECT Name FROM students WHERE EXISTS (SELECT 1, 2 FROM enrolled WHERE student_id = Id)",
    "SELECT Name FROM students WHERE Id IN (SELECT student_id FROM enrolled)",
    "SELECT Name FROM students WHERE (Id, Age) IN (SELECT student_id, Grade FROM enrolled)",
    "WITH old AS (SELECT Name AS n FROM students WHERE Age > 20) SELECT n FROM old",
    "WITH old(n) AS (SELECT Name FROM students) SELECT n FROM old o WHERE o.n <> 'x'",
    "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 9) SELECT i FROM k",
    "SELECT n FROM (SELECT Name AS n FROM students) AS d",
    "SELECT d.n FROM (SELECT Name, count(*) AS n FROM students GROUP BY Name) AS d",
    "SELECT Name FROM students UNION SELECT Title FROM courses ORDER BY Name",
    "SELECT Name AS n FROM students UNION SELECT Title FROM courses ORDER BY n, 1",
    "SELECT School, count(*) AS n FROM students GROUP BY School HAVING count(*) > 1 ORDER BY n",
    "SELECT School, count(*) FROM students GROUP BY 1 ORDER BY 2 DESC LIMIT 3",
    "SELECT upper(School) AS u, max(Age) FROM students GROUP BY u",
    "SELECT Name FROM students WHERE Age = (SELECT max(Age) FROM students)",
    "SELECT max(Age, 3) FROM students WHERE max(Age, 3) > 4",
    "SELECT row_number() OVER (PARTITION BY School ORDER BY Age) AS r FROM students",
    "SELECT School FROM students GROUP BY School ORDER BY count(*)",
    "SELECT rowid FROM students",
    "SELECT Name FROM students WHERE Age > ? AND Name = :name",
    "SELECT value FROM students, json_each(students.Name)",
    "SELECT CASE WHEN Age > 3 THEN Name ELSE 'x' END FROM students",
    "SELECT Name FROM students;",
    "VALUES (1, 2)",
    "INSERT INTO courses (Id, Title) VALUES (1, 'x'), (2, 'y')",
    "INSERT INTO courses SELECT Id, Name, Age FROM students",
    "INSERT INTO courses (Id) VALUES (1) ON CONFLICT (Id) DO UPDATE SET Title = excluded.Title",
    "UPDATE students SET Age = Age + 1 WHERE Id IN (SELECT student_id FROM enrolled)",
    "DELETE FROM students WHERE Age < 3 RETURNING Name",
]


@pytest.mark.parametrize("sql", VALID)
def test_a_valid_query_binds(sql: str) -> None:
    assert bind(sql, SCHEMAS["sqlite"]).problems == ()


INVALID = [
    ("SELECT agee FROM students", "There is no column `agee` in `students`; did you mean `Age`?"),
    ("SELECT s.agee FROM students s", "no column `agee` in `students` (here `s`); did you mean"),
    (
        'SELECT Name FROM students WHERE "Nam" = 1',
        "no column `Nam` in `students`; did you mean `Name`",
    ),
    ("SELECT Name FROM student", "There is no table `student`; did you mean `students`?"),
    ("SELECT Name FROM other.students", "There is no table `other.students`"),
    ("SELECT x.Name FROM students s", "There is no table or alias `x` in this query"),
    ("SELECT students.Name FROM students s", "`students` is called `s` in this query"),
    ("SELECT courses.Title FROM students", "`courses` is not in the FROM clause"),
    ("SELECT Title FROM students", "`courses` has one, but is not in the FROM clause"),
    ("SELECT Name", "the query has no FROM clause"),
    ("SELECT *", "`*` needs a FROM clause"),
    ("SELECT c.* FROM students", "`c` is not in the FROM clause"),
    ("SELECT Id FROM students JOIN courses ON 1 = 1", "`Id` is ambiguous"),
    ("SELECT 1 FROM students s JOIN courses c ON c.Id = e.course_id JOIN enrolled e", "`e`"),
    ("SELECT 1 FROM students JOIN courses USING (Age)", "USING needs a column `Age` in `courses`"),
    ("SELECT 1 FROM students JOIN students", "`students` stands twice"),
    ("SELECT Name FROM students ORDER BY wrong", "no column `wrong`"),
    ("SELECT Name FROM students GROUP BY wrong", "no column `wrong`"),
    ("SELECT Name FROM students ORDER BY 2", "ORDER BY 2 means no column"),
    ("SELECT Name FROM students GROUP BY 0", "GROUP BY 0 means no column"),
    ("SELECT count(*) FROM students GROUP BY 1", "GROUP BY 1 means an aggregate"),
    ("SELECT Name FROM students WHERE count(*) > 1", "cannot stand in WHERE"),
    ("SELECT Name FROM students WHERE row_number() OVER () > 1", "A window function cannot stand"),
    ("SELECT max(count(*)) FROM students", "cannot stand inside another"),
    ("SELECT Name FROM students HAVING Age > 3", "HAVING needs a GROUP BY"),
    ("SELECT Name FROM students ORDER BY count(*)", "ORDER BY has an aggregate"),
    ("SELECT Name FROM students UNION SELECT Id, Title FROM courses", "as many columns"),
    ("SELECT Name AS n FROM students UNION SELECT Title FROM courses ORDER BY Name", "`Name`"),
    (
        "SELECT Name FROM students WHERE Id IN (SELECT Id, Title FROM courses)",
        "must have one column",
    ),
    (
        "SELECT Name FROM students WHERE Id = (SELECT Id, Title FROM courses)",
        "must have one column",
    ),
    ("WITH a AS (SELECT Name FROM students) SELECT Age FROM a", "no column `Age` in `a`"),
    ("WITH a(x, y) AS (SELECT Name FROM students) SELECT x FROM a", "names 2 columns"),
    ("SELECT Age FROM (SELECT Name FROM students) AS d", "no column `Age` in `d`"),
    ("SELECT 1 FROM students s, (SELECT Title FROM courses c WHERE c.Id = s.Id) d", "`s`"),
    ("SELECT (SELECT wrong FROM courses) FROM students", "no column `wrong`"),
    ("SELECT frobnicate(Name) FROM students", "There is no function `frobnicate` in sqlite"),
    ("SELECT year(Name) FROM students", "There is no function `year` in sqlite"),
    ("SELECT Name::text FROM students", "`::` is not part of sqlite"),
    ("SELECT Name FROM students LIMIT Age", "LIMIT needs a number"),
    ("SELECT Name, FROM students", "Nothing stands between the comma"),
    ("SELECT Name FROM students AS s(a)", "no column list after the alias `s`"),
    ("SELECT s.Name FROM students s GROUP BY s.*", "`*` stands where a column should"),
    ("FROM students SELECT Name", "starts with FROM"),
    ("SELECT (*) FROM students", "`*` stands where a column should"),
    ("SELECT Name FROM students GROUP BY", "GROUP BY names no column"),
    ("SELECT Name FROM students WHERE Age BETWEEN 1 2", "BETWEEN needs two values"),
    ("INSERT INTO courses (Id, Titel) VALUES (1, 'x')", "no column `Titel` in `courses`"),
    ("INSERT INTO courses VALUES (1, 'x')", "3 columns, but 2 values"),
    ("INSERT INTO nowhere VALUES (1)", "There is no table `nowhere`"),
    ("UPDATE students SET Aeg = 1", "no column `Aeg` in `students`; did you mean `Age`"),
    ("DELETE FROM students WHERE wrong = 1", "no column `wrong`"),
    ("", "There is no SQL statement here"),
    (" -- nothing", "There is no SQL statement here"),
    ("SELECT 1; SELECT 2", "more than one SQL statement"),
    ("DROP TABLE students", "Only SELECT, INSERT"),
    ("PRAGMA table_info(students)", "Only SELECT, INSERT"),
    ("SELECT (1", "Expecting )"),
    ("How old is Wang Junjian?", ""),
    ("SELECT " + "(" * 5000 + "1" + ")" * 5000, "nested too deeply"),
    ("SELECT Name FROM students ORDER BY " + "9" * 5000, "means no column"),
]


@pytest.mark.parametrize(("sql", "problem"), INVALID, ids=[sql[:60] for sql, _ in INVALID])
def test_a_wrong_query_has_a_problem_in_words(sql: str, problem: str) -> None:
    problems = bind(sql, SCHEMAS["sqlite"]).problems
    assert any(problem in found for found in problems), problems
    assert all(found.endswith((".", "?")) for found in problems)


IN_DIALECTS = [
    ("postgres", "SELECT Name FROM public.students WHERE Name ILIKE 'a%' AND Age::text = '3'", ""),
    ("postgres", "SELECT DISTINCT ON (School) Name FROM students ORDER BY School, Age", ""),
    ("postgres", "SELECT s FROM students s", ""),
    ("postgres", "SELECT x.n FROM students s, LATERAL (SELECT s.Name AS n) x", ""),
    ("postgres", "SELECT Name, count(*) FROM students GROUP BY Id", ""),
    ("postgres", "SELECT Age AS a FROM students WHERE a > 3", "no column `a`"),
    (
        "postgres",
        "SELECT School, Name FROM students GROUP BY School",
        "`Name` must stand in GROUP BY",
    ),
    ("postgres", "SELECT School, max(Age) + 1 FROM students GROUP BY School", ""),
    ("postgres", "SELECT lower(School) FROM students GROUP BY lower(School)", ""),
    ("postgres", "SELECT count(*) FILTER (WHERE Age > 1) FROM students", ""),
    ("postgres", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY Age) FROM students", ""),
    ("postgres", "SELECT School, count(*) FROM students GROUP BY ROLLUP (School)", ""),
    ("postgres", "SELECT row_to_json(s.*), array(SELECT Id FROM courses) FROM students s", ""),
    ("postgres", "SELECT x.a FROM (VALUES (1), (2)) AS x(a)", ""),
    ("postgres", "WITH d AS (DELETE FROM students RETURNING Id) SELECT Id FROM d", "is no query"),
    ("postgres", "SELECT Name, count(*) FROM students", "`Name` must stand in GROUP BY"),
    ("postgres", "SELECT g FROM generate_series(1, 3) AS g", ""),
    ("mysql", 'SELECT `Name` FROM `students` WHERE `Home Town` = "x"', ""),
    ("mysql", "SELECT Name FROM students HAVING Name = 'x'", ""),
    (
        "mysql",
        "SELECT 1 FROM students FULL JOIN courses ON 1 = 1",
        "FULL JOIN is not part of mysql",
    ),
    ("mysql", "UPDATE students s JOIN enrolled e ON e.student_id = s.Id SET s.Age = 1", ""),
    ("mysql", "DELETE s FROM students s JOIN enrolled e ON e.student_id = s.Id", ""),
    ("duckdb", "SELECT Age + 1 AS a, a + 1 AS b FROM students QUALIFY b > 1", ""),
    ("duckdb", "SELECT * EXCLUDE (Age) FROM students", ""),
    ("duckdb", "SELECT list_transform([1], x -> x + 1) FROM students", ""),
    ("bigquery", "SELECT Name.first FROM students", ""),
    ("bigquery", "SELECT item FROM students, UNNEST(School) AS item", ""),
    ("snowflake", "SELECT Name:first::string FROM students", ""),
    ("tsql", "SELECT TOP 3 [Home Town] FROM dbo.students ORDER BY Age", ""),
    ("tsql", "SELECT Name FROM students LIMIT 3", "LIMIT is not part of tsql; use SELECT TOP n."),
    ("tsql", "SELECT s.Name FROM students s CROSS APPLY (SELECT s.Age AS a) x WHERE x.a > 1", ""),
    ("tsql", "UPDATE s SET Age = 1 FROM students s WHERE s.Id = 2", ""),
    ("oracle", "SELECT Name FROM students WHERE ROWNUM < 3", ""),
    ("oracle", "SELECT 1 FROM dual", ""),
    ("oracle", "SELECT Name FROM students FETCH FIRST 3 ROWS ONLY", ""),
    (
        "postgres",
        "MERGE INTO students s USING enrolled e ON s.Id = e.student_id"
        " WHEN MATCHED THEN UPDATE SET Age = e.Grade"
        " WHEN NOT MATCHED THEN INSERT (Id) VALUES (e.student_id)",
        "",
    ),
    (
        "postgres",
        "MERGE INTO students s USING enrolled e ON s.Id = e.wrong WHEN MATCHED THEN DELETE",
        "no column `wrong`",
    ),
]


@pytest.mark.parametrize(("dialect", "sql", "problem"), IN_DIALECTS)
def test_a_dialect_has_its_own_rules(dialect: str, sql: str, problem: str) -> None:
    problems = bind(sql, SCHEMAS[dialect]).problems
    assert any(problem in found for found in problems) if problem else not problems, problems


def test_tables_are_spelled_as_the_schema_does_in_the_order_of_first_use() -> None:
    sql = "SELECT 1 FROM COURSES c JOIN Students s ON 1 = 1 WHERE c.Id IN (SELECT Id FROM students)"
    assert bind(sql, SCHEMAS["sqlite"]).tables == ("courses", "students")
    qualified = parse_schema("CREATE TABLE sales.Orders (a INT)").schema
    assert bind("SELECT a FROM orders", qualified).tables == ("sales.Orders",)


def test_a_name_in_two_namespaces_needs_the_namespace() -> None:
    two = parse_schema("CREATE TABLE s.t (a INT); CREATE TABLE u.t (b INT)", "postgres").schema
    assert "`s.t` or `u.t`" in bind("SELECT 1 FROM t", two).problems[0]
    assert bind("SELECT t.b FROM u.t", two).valid
    assert bind("SELECT u.t.b, s.t.a FROM u.t, s.t", two).valid
    assert not bind("SELECT a FROM u.t", two).valid


def test_columns_of_a_table_without_known_columns_are_taken_as_they_come() -> None:
    unknown = parse_schema("CREATE VIEW v AS SELECT * FROM nowhere").schema
    assert bind("SELECT anything FROM v WHERE v.other = 1", unknown).valid


def test_no_schema_is_needed_for_a_query_without_tables() -> None:
    assert bind("SELECT 1 + 1 AS two", Schema()).valid


WORDS = st.sampled_from(
    [
        *("SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "JOIN", "ON", "AS", "WITH"),
        *("students", "courses", "s", "Name", "Age", "Id", "wrong", "*", "1", "'x'", "(", ")", ","),
        *(".", "=", "UNION", "IN", "count(", "max(", "INSERT INTO", "VALUES", "UPDATE", "SET", ";"),
        *("DELETE", "MERGE", "USING", "LATERAL", "UNNEST(", "OVER (", "::", "->", "[", "]", '"'),
    ]
)


@settings(max_examples=300)
@given(
    st.lists(WORDS, max_size=20).map(" ".join)
    | st.text(max_size=80)
    | st.lists(WORDS, max_size=12).map(lambda words: "SELECT " + " ".join(words)),
    st.sampled_from(DIALECTS),
)
def test_no_text_is_an_error(sql: str, dialect: str) -> None:
    binding = bind(sql, SCHEMAS[dialect])
    assert binding.valid == (not binding.problems)
