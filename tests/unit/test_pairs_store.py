"""All pairs of a workspace: what is used, what is not, and why."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from squill.errors import UsageError
from squill.pairs import ACCEPTED, Pair, Pairs, SetAside, keep
from squill.pairs import reader as reader_module
from squill.pairs.store import PairStore
from squill.settings import LearningSettings, Settings

if TYPE_CHECKING:
    from pathlib import Path

TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, status TEXT);
CREATE TABLE orders (id INTEGER, customer_id INTEGER REFERENCES customers (id), amount REAL);
"""
ACTIVE = "SELECT name FROM customers WHERE status = 'A'"
PAST = 1_700_000_000  # s since the epoch; a file that changed just now is always read again


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    write(tmp_path, "shop.sql", TABLES)
    return tmp_path


def write(folder: Path, name: str, text: str, time: int = PAST) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (time, time))
    return path


def example(folder: Path, name: str, text: str, time: int = PAST) -> Path:
    return write(folder, f".squill/examples/{name}", text, time)


def line(question: str, sql: str, **more: str) -> str:
    return json.dumps({"question": question, "sql": sql} | more) + "\n"


def load(folder: Path, settings: Settings | None = None) -> Pairs:
    return PairStore(folder, settings or Settings()).load()


def used(pairs: Pairs) -> list[tuple[str, str]]:
    return [(pair.question, pair.sql) for pair in pairs.usable]


def test_a_workspace_without_anything_has_no_pairs(tmp_path: Path) -> None:
    assert load(tmp_path) == Pairs((), (), (), (), (), load(tmp_path).workspace)


def test_pairs_come_from_example_files_and_from_what_was_accepted(workspace: Path) -> None:
    example(workspace, "b.sql", f"-- active customers\n{ACTIVE};")
    example(workspace, "deep/a.jsonl", line("how many customers", "SELECT COUNT(*) FROM customers"))
    keep(workspace, "all orders", "SELECT * FROM orders;", "sqlite")
    pairs = load(workspace)
    assert [(pair.origin, pair.question, pair.sql) for pair in pairs.usable] == [
        (".squill/examples/b.sql:1", "active customers", ACTIVE),
        (
            ".squill/examples/deep/a.jsonl:1",
            "how many customers",
            "SELECT COUNT(*) FROM customers",
        ),
        (ACCEPTED, "all orders", "SELECT * FROM orders"),
    ]
    assert [pair.kept is None for pair in pairs.usable] == [True, True, False]
    tables = [table.name for table in pairs.schema_of(pairs.usable[0]).tables]
    assert (pairs.usable[0].schema, tables) == (None, ["customers", "orders"])


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nam FROM customers", "no column `nam`"),
        ("SELECT name FROM client", "no table `client`"),
        ("SELEC name FROM customers", ""),
        ("SELECT 1; SELECT 2", "more than one"),
        ("DROP TABLE customers", "Only SELECT"),
        ("-- nothing", "no SQL statement"),
    ],
)
def test_what_does_not_bind_is_set_aside_with_its_reason(
    workspace: Path, sql: str, reason: str
) -> None:
    example(workspace, "a.jsonl", line("active customers", sql))
    pairs = load(workspace)
    (aside,) = pairs.set_aside
    assert pairs.usable == ()
    assert aside.origin == ".squill/examples/a.jsonl:1"
    assert aside.reason
    assert reason in aside.reason
    assert aside.pair is not None
    assert (aside.pair.question, aside.pair.sql) == ("active customers", sql)


def test_a_broken_line_costs_only_itself(workspace: Path) -> None:
    example(workspace, "a.jsonl", "{\n" + line("active customers", ACTIVE) + '{"question": "wh')
    pairs = load(workspace)
    assert used(pairs) == [("active customers", ACTIVE)]
    origins = [aside.origin for aside in pairs.set_aside]
    assert origins == [".squill/examples/a.jsonl:1", ".squill/examples/a.jsonl:3"]


def test_the_rest_of_an_accepted_file_that_was_cut_off_is_used(workspace: Path) -> None:
    keep(workspace, "active customers", ACTIVE, "sqlite")
    with (workspace / ".squill/accepted.jsonl").open("ab") as file:
        file.write(b'{"question": "how ma')
    pairs = load(workspace)
    assert used(pairs) == [("active customers", ACTIVE)]
    (aside,) = pairs.set_aside
    assert aside.origin == ".squill/accepted.jsonl:2"
    assert "cut off" in aside.reason


def test_a_pair_becomes_usable_when_its_table_is_there(workspace: Path) -> None:
    example(workspace, "a.sql", "-- how many\nSELECT COUNT(*) FROM invoices;")
    store = PairStore(workspace, Settings())
    assert store.load().usable == ()
    write(workspace, "more.sql", "CREATE TABLE invoices (id INTEGER);")
    assert len(store.load().usable) == 1
    (workspace / "more.sql").unlink()
    assert store.load().usable == ()


def test_an_example_file_s_own_tables_stand_beside_the_workspace_s(workspace: Path) -> None:
    text = (
        "CREATE TABLE churn (customer_id INTEGER);\n\n-- customers who left\n"
        "SELECT c.name FROM customers AS c JOIN churn ON churn.customer_id = c.id;\n"
    )
    example(workspace, "a.sql", text)
    example(workspace, "b.sql", "-- how many left\nSELECT COUNT(*) FROM churn;")
    pairs = load(workspace)
    (pair,) = pairs.usable
    names = [table.name for table in pairs.schema_of(pair).tables]
    assert names == ["customers", "orders", "churn"]
    assert [aside.origin for aside in pairs.set_aside] == [".squill/examples/b.sql:1"]


def test_a_table_elsewhere_leaves_the_digest_as_it_is(workspace: Path) -> None:
    example(workspace, "a.sql", "CREATE TABLE t (x INT);\n-- all of it\nSELECT x FROM t;")
    store = PairStore(workspace, Settings())
    (before,) = store.load().usable
    write(workspace, "more.sql", "CREATE TABLE invoices (id INTEGER);")
    (after,) = store.load().usable
    assert before.digest == after.digest
    assert before.schema != after.schema


def test_a_pair_with_a_schema_of_its_own_sees_no_other_table(workspace: Path) -> None:
    own = "CREATE TABLE planets (name TEXT, moons INTEGER);"
    example(
        workspace,
        "a.jsonl",
        line("how many planets", "SELECT COUNT(*) FROM planets", schema=own)
        + line("active customers", ACTIVE, schema=own)
        + line("nothing", "SELECT 1", schema="no tables at all"),
    )
    pairs = load(workspace)
    (pair,) = pairs.usable
    assert pair.schema is not None
    assert [table.name for table in pair.schema.tables] == ["planets"]
    reasons = [aside.reason for aside in pairs.set_aside]
    assert "no table `customers`" in reasons[0]
    assert "defines no table" in reasons[1]


@pytest.mark.parametrize(
    ("header", "key", "setting", "found"),
    [
        ("", "", "", "sqlite"),
        ("-- dialect: mysql\n\n", "mysql", "", "mysql"),
        ("", "", "postgres", "postgres"),
    ],
)
def test_the_dialect_is_the_pair_s_own_else_the_workspace_s(
    workspace: Path, header: str, key: str, setting: str, found: str
) -> None:
    example(workspace, "a.sql", f"{header}-- active customers\n{ACTIVE};")
    example(workspace, "b.jsonl", line("how many", "SELECT COUNT(*) FROM orders", dialect=key))
    pairs = load(workspace, replace(Settings(), dialect=setting))
    assert [pair.dialect for pair in pairs.usable] == [found, found]
    assert {pairs.schema_of(pair).dialect for pair in pairs.usable} == {found}


def test_the_workspace_s_header_decides_for_its_examples(workspace: Path) -> None:
    write(workspace, "shop.sql", f"-- dialect: postgres\n{TABLES}")
    example(workspace, "a.sql", "-- names of customers\nSELECT name::text FROM customers;")
    assert [pair.dialect for pair in load(workspace).usable] == ["postgres"]


def test_a_guessed_dialect_that_may_be_the_trouble_is_named(workspace: Path) -> None:
    own = "CREATE TABLE t (x VARCHAR2(10));"
    example(workspace, "a.jsonl", line("first", "SELECT x FROM t LIMIT 1", schema=own))
    (aside,) = load(workspace).set_aside
    assert "oracle is a guess" in aside.reason


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("Active  customers?", ACTIVE),
        ("active customers", "select NAME from customers as c where c.status = 'A'"),
        ("active customers", f"{ACTIVE};"),
    ],
)
def test_the_same_pair_in_other_words_is_merged(workspace: Path, question: str, sql: str) -> None:
    example(workspace, "a.sql", f"-- active customers\n{ACTIVE};")
    example(workspace, "b.jsonl", line(question, sql))
    pairs = load(workspace)
    (duplicate,) = pairs.duplicates
    assert used(pairs) == [("active customers", ACTIVE)]
    assert duplicate.used == pairs.usable[0]
    assert duplicate.pair.origin == ".squill/examples/b.jsonl:1"
    assert pairs.conflicts == ()


@pytest.mark.parametrize(
    "other",
    [
        "SELECT name FROM customers WHERE status = 'a'",
        "SELECT name FROM customers WHERE status = 'A' OR status = 'B'",
    ],
)
def test_of_two_answers_to_a_question_the_newest_is_used(workspace: Path, other: str) -> None:
    example(workspace, "a.sql", f"-- active customers\n{ACTIVE};", PAST)
    example(workspace, "b.jsonl", line("active customers", other), PAST + 10)
    pairs = load(workspace)
    assert used(pairs) == [("active customers", other)]
    (conflict,) = pairs.conflicts
    assert (conflict.pair.sql, conflict.used.sql) == (ACTIVE, other)
    example(workspace, "a.sql", f"-- active customers\n{ACTIVE};", PAST + 20)
    assert used(load(workspace)) == [("active customers", ACTIVE)]


def test_changes_are_merged_too(workspace: Path) -> None:
    first = "UPDATE customers SET status = 'A' WHERE id = 1"
    other = "update Customers set STATUS = 'A' where id = 1"
    example(workspace, "a.jsonl", line("activate customer 1", first))
    example(workspace, "b.jsonl", line("activate customer 1", other), PAST + 10)
    pairs = load(workspace)
    assert (used(pairs), len(pairs.duplicates)) == ([("activate customer 1", first)], 1)


def test_a_repetition_of_the_newest_answer_does_not_change_which_pair_is_used(
    workspace: Path,
) -> None:
    keep(workspace, "active customers", ACTIVE, "sqlite")
    keep(workspace, "active customers", "SELECT name FROM customers", "sqlite")
    (before,) = load(workspace).usable
    keep(workspace, "Active customers", "select name from customers", "sqlite")
    pairs = load(workspace)
    assert pairs.usable[0].digest == before.digest
    assert (len(pairs.conflicts), len(pairs.duplicates)) == (1, 1)


def test_the_time_of_a_line_counts_for_more_than_that_of_its_file(workspace: Path) -> None:
    old, new = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"
    text = line("active customers", ACTIVE, kept=new)
    text += line("active customers", "SELECT name FROM customers", kept=old)
    example(workspace, "a.jsonl", text)
    assert used(load(workspace)) == [("active customers", ACTIVE)]


def test_one_question_on_two_schemas_is_no_conflict(workspace: Path) -> None:
    own = "CREATE TABLE customers (name TEXT);"
    text = line("names", "SELECT name FROM customers")
    text += line("names", "SELECT DISTINCT name FROM customers", schema=own)
    example(workspace, "a.jsonl", text)
    pairs = load(workspace)
    assert (len(pairs.usable), pairs.conflicts) == (2, ())


def test_every_pair_found_is_in_exactly_one_place(workspace: Path) -> None:
    text = line("active customers", ACTIVE) * 3
    text += line("active customers", "SELECT name FROM customers") * 2
    text += line("wrong", "SELECT nothing FROM customers") + "{\n"
    example(workspace, "a.jsonl", text)
    pairs = load(workspace)
    counts = [len(pairs.usable), len(pairs.set_aside), len(pairs.conflicts), len(pairs.duplicates)]
    assert counts == [1, 2, 3, 1]


def test_a_digest_outlives_a_change_of_place(workspace: Path) -> None:
    path = example(workspace, "a.sql", f"-- active customers\n{ACTIVE};")
    (before,) = load(workspace).usable
    path.unlink()
    keep(workspace, "Active customers?", f"{ACTIVE};", "sqlite")
    (after,) = load(workspace).usable
    assert before.digest == after.digest


@pytest.mark.parametrize(
    "name", ["a.txt", "a.sql~", ".a.sql", ".#a.sql", "a.sql.swp", "4913", "a.sql.tmp"]
)
def test_other_files_and_those_that_editors_leave_are_not_read(workspace: Path, name: str) -> None:
    example(workspace, name, f"-- active customers\n{ACTIVE};")
    assert load(workspace).usable == ()


def test_a_file_that_cannot_be_used_is_told_and_the_others_are_read(workspace: Path) -> None:
    example(workspace, "a.sql", f"-- active customers\n{ACTIVE};")
    (workspace / ".squill/examples/b.sql").write_bytes(b"-- \xff\nSELECT 1;")
    os.mkfifo(workspace / ".squill/examples/c.sql")
    (workspace / ".squill/examples/d.sql").symlink_to("nowhere")
    example(workspace, "e.jsonl", line("a long one", "SELECT 1") * 10)
    limits = LearningSettings(max_file_bytes=200)
    pairs = load(workspace, replace(Settings(), learning=limits))
    assert used(pairs) == [("active customers", ACTIVE)]
    told = {aside.origin.rpartition("/")[2]: aside.reason for aside in pairs.set_aside}
    assert "not UTF-8" in told["b.sql:1"]
    assert "not a regular file" in told["c.sql"]
    assert "200 are read at most" in told["e.jsonl"]
    assert len(told) == 3


def test_folders_may_be_several_absolute_nested_or_missing(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("team")
    write(elsewhere, "a.jsonl", line("active customers", ACTIVE))
    example(workspace, "b.jsonl", line("how many", "SELECT COUNT(*) FROM orders"))
    keep(workspace, "all", "SELECT * FROM orders", "sqlite")
    folders = (str(elsewhere), ".squill/examples", ".squill", "missing", "~nobody-of-this-name")
    limits = LearningSettings(example_folders=folders)
    pairs = load(workspace, replace(Settings(), learning=limits))
    assert [pair.question for pair in pairs.usable] == ["active customers", "how many", "all"]
    assert pairs.usable[0].origin == f"{elsewhere}/a.jsonl:1"
    assert pairs.duplicates == ()


def test_example_files_that_define_the_workspace_s_tables_count_once(tmp_path: Path) -> None:
    write(tmp_path, "examples/a.sql", f"{TABLES}\n-- active customers\n{ACTIVE};")
    limits = LearningSettings(example_folders=("examples",))
    (pair,) = load(tmp_path, replace(Settings(), learning=limits)).usable
    assert pair.schema is None


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """The texts that the reader's function of that name is called with, in order."""
    found: list[str] = []
    function = getattr(reader_module, name)

    def counting(text: str, *more: object) -> object:
        found.append(text)
        return function(text, *more)

    monkeypatch.setattr(reader_module, name, counting)
    return found


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return counted(monkeypatch, "bind")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return counted(monkeypatch, "asked_statements")


def test_only_a_file_that_changed_is_read_again(workspace: Path, read: list[str]) -> None:
    example(workspace, "a.sql", f"-- active customers\n{ACTIVE};")
    path = example(workspace, "b.sql", "-- how many\nSELECT COUNT(*) FROM orders;")
    store = PairStore(workspace, Settings())
    first = store.load()
    assert len(read) == 2
    assert store.load() == first
    assert len(read) == 2
    path.write_text(changed := "-- how many\nSELECT COUNT(id) FROM orders;")
    assert used(store.load())[1] == ("how many", "SELECT COUNT(id) FROM orders")
    assert read[2:] == [changed]
    path.unlink()
    assert len(store.load().usable) == 1
    assert len(read) == 3


def test_a_statement_is_not_checked_twice_though_its_file_changes(
    workspace: Path, checked: list[str]
) -> None:
    store = PairStore(workspace, Settings())
    for number in range(5):
        keep(workspace, f"question {number}", f"SELECT {number}", "sqlite")
        assert len(store.load().usable) == number + 1
    assert checked == [f"SELECT {number}" for number in range(5)]


def test_a_change_within_one_tick_of_the_clock_is_seen(workspace: Path) -> None:
    path = example(workspace, "a.sql", "-- the one\nSELECT 1;")
    path.write_text("-- the one\nSELECT 1;")
    status = path.stat()
    store = PairStore(workspace, Settings())
    store.load()
    path.write_text("-- the one\nSELECT 2;")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert used(store.load()) == [("the one", "SELECT 2")]


def test_an_accepted_pair_that_is_forgotten_is_gone(workspace: Path) -> None:
    keep(workspace, "active customers", ACTIVE, "sqlite")
    keep(workspace, "how many", "SELECT COUNT(*) FROM orders", "sqlite")
    store = PairStore(workspace, Settings())
    first, _ = store.load().usable
    assert store.forget({first.digest}) == (1, [])
    assert [pair.question for pair in store.load().usable] == ["how many"]
    assert not (workspace / ".squill/forgotten.jsonl").exists()


def test_a_pair_in_the_user_s_own_file_is_hidden_and_the_file_left_alone(workspace: Path) -> None:
    path = example(workspace, "a.sql", f"-- active customers\n{ACTIVE};\n-- the one\nSELECT 1;")
    before = path.read_bytes()
    store = PairStore(workspace, Settings())
    first, _ = store.load().usable
    assert store.forget({first.digest}) == (0, [first])
    pairs = store.load()
    assert (used(pairs), pairs.forgotten) == ([("the one", "SELECT 1")], (first,))
    assert path.read_bytes() == before
    # Another edit of the file does not bring it back; keeping it again does.
    path.write_text(f"-- the two\nSELECT 2;\n-- active customers\n{ACTIVE};")
    assert used(store.load()) == [("the two", "SELECT 2")]
    keep(workspace, "active customers", ACTIVE, "sqlite")
    assert used(store.load()) == [("the two", "SELECT 2"), ("active customers", ACTIVE)]


def test_a_pair_that_is_set_aside_can_be_forgotten(workspace: Path) -> None:
    keep(workspace, "wrong", "SELECT nothing FROM orders", "sqlite")
    example(workspace, "a.sql", "-- wrong too\nSELECT nothing FROM customers;")
    store = PairStore(workspace, Settings())
    digests = {aside.pair.digest for aside in store.load().set_aside if aside.pair}
    assert len(digests) == 2
    store.forget(digests)
    assert store.load().set_aside == ()


def test_a_damaged_record_of_the_forgotten_is_told(workspace: Path) -> None:
    write(workspace, ".squill/forgotten.jsonl", '{"digest": 3}\nnonsense\n[]\n')
    reasons = [aside.reason for aside in load(workspace).set_aside]
    assert len(reasons) == 3
    assert all("forget the pair again" in reason for reason in reasons)


def test_a_pair_is_checked_before_it_is_kept(workspace: Path) -> None:
    store = PairStore(workspace, Settings())
    store.load()
    good = store.check("active customers", f"{ACTIVE};")
    bad = store.check("active customers", "SELECT nothing")
    assert isinstance(good, Pair)
    assert isinstance(bad, SetAside)
    with pytest.raises(UsageError):
        store.check("", ACTIVE)
    store.accept([good])
    assert [pair.digest for pair in store.load().usable] == [good.digest]


def test_what_is_kept_from_another_file_stays_what_it_was(workspace: Path) -> None:
    own = "CREATE TABLE planets (name TEXT);"
    line_of_own = line("planets", "SELECT name FROM planets", schema=own, kept="2020-01-01")
    path = write(workspace, "export.jsonl", line_of_own + line("active customers", ACTIVE))
    store = PairStore(workspace, Settings())
    store.load()
    wanted = [found.pair for found in store.read(path).found]
    store.accept(wanted)
    kept = store.load().usable
    assert [pair.digest for pair in kept] == [pair.digest for pair in wanted]
    assert kept[0].kept == wanted[0].kept
    with pytest.raises(UsageError):
        store.read(workspace / "missing.jsonl")


def test_a_change_is_learned_only_for_a_question_that_asks_for_one(workspace: Path) -> None:
    change = "DELETE FROM customers WHERE status = 'A'"
    example(workspace, "a.jsonl", line("active customers", change))
    example(workspace, "b.jsonl", line("delete the active customers", change))
    pairs = load(workspace)
    assert used(pairs) == [("delete the active customers", change)]
    (aside,) = pairs.set_aside
    assert "don't ask for a change" in aside.reason
