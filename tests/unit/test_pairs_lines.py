"""JSON lines: what is read of them, and that a broken one costs nothing but itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squill.pairs.lines import Broken, Entry, read_lines, to_line

GOOD = b'{"question": "how many", "sql": "SELECT 1"}'


def only(data: bytes) -> Entry | Broken:
    (found,) = read_lines(data)
    return found


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "cut off"),
        (b"{\n" + GOOD, "no JSON"),
        (b"[1]\n", "no JSON object"),
        (b"null\n", "no JSON object"),
        (b'{"question": "q"}\n', "`sql` is missing"),
        (b'{"sql": "SELECT 1"}\n', "`question` is missing"),
        (b'{"question": " ", "sql": "SELECT 1"}\n', "`question` is missing or empty"),
        (b'{"question": "q", "sql": ["SELECT 1"]}\n', "`sql` is"),
        (b'{"question": "q", "sql": "SELECT 1", "schema": 3}\n', "`schema` is 3"),
        (b'{"question": "q", "sql": "SELECT 1", "dialect": "klingon"}\n', "klingon"),
        (b'{"question": "q", "sql": "SELECT 1", "kept": "yesterday"}\n', "`kept`"),
        (b'{"question": "\\ud800", "sql": "SELECT 1"}\n', "half a character"),
        (b'{"question": "\xff", "sql": "SELECT 1"}\n', "not UTF-8"),
        (b"[" * 100_000 + b"\n", "no JSON"),
        (b'{"question": ' + b"9" * 10_000 + b"}\n", "no JSON"),
    ],
)
def test_a_broken_line_is_told_and_the_next_is_read(line: bytes, reason: str) -> None:
    found = next(iter(read_lines(line)))
    assert isinstance(found, Broken)
    assert reason in found.reason
    if line.endswith(b"\n"):
        broken, good = read_lines(line + GOOD)
        assert isinstance(broken, Broken)
        assert isinstance(good, Entry)
        assert (broken.line, good.line) == (1, 2)


def test_a_last_line_without_its_end_is_read_where_it_is_whole() -> None:
    assert only(GOOD) == Entry(1, "how many", "SELECT 1", raw=GOOD)


def test_every_cut_of_a_last_line_is_told() -> None:
    for length in range(1, len(GOOD)):
        _, cut = read_lines(GOOD + b"\n" + GOOD[:length])
        assert isinstance(cut, Broken)
        assert "cut off" in cut.reason


def test_empty_lines_count_but_say_nothing() -> None:
    assert [each.line for each in read_lines(b"\n\n" + GOOD + b"\n \n" + GOOD)] == [3, 5]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    found = list(read_lines(b"\xef\xbb\xbf" + GOOD + b"\r\n" + GOOD + b"\r\n"))
    assert [type(each) for each in found] == [Entry, Entry]


def test_all_fields_are_read() -> None:
    entry = only(
        b'{"question": " how\\nmany ", "sql": "SELECT 1", "dialect": "PostgreSQL",'
        b'"schema": "CREATE TABLE a (b INT)", "kept": "2026-01-31T12:00:00+02:00", "more": 1}'
    )
    assert isinstance(entry, Entry)
    assert (entry.question, entry.dialect) == ("how many", "postgres")
    assert entry.ddl == "CREATE TABLE a (b INT)"
    assert entry.kept == datetime(2026, 1, 31, 10, tzinfo=UTC)


@given(st.text(min_size=1), st.text(min_size=1), st.text())
def test_what_is_written_is_one_line_and_reads_back(question: str, sql: str, ddl: str) -> None:
    line = to_line(question, sql, dialect="sqlite", ddl=ddl, kept=datetime.now(UTC))
    assert line.count(b"\n") == 1
    said = json.loads(line)
    if not any(0xD800 <= ord(c) < 0xE000 for c in question + sql + ddl):
        assert (said["question"], said["sql"], said.get("schema", "")) == (question, sql, ddl)


@given(st.binary())
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    assert all(isinstance(each, Entry | Broken) for each in read_lines(data))
