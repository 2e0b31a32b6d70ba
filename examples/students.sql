-- dialect: sqlite

CREATE TABLE students (
    Name   TEXT,
    Age    INTEGER,
    School TEXT,
    Grade  TEXT,
    Height REAL,
    Weight REAL
);
