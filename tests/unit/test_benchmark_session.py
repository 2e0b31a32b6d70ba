"""The pure parts of the latency benchmark: what is played is what the page says is played."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from random import Random

import pytest

from squill.ddl import SchemaBuilder, SchemaSource
from squill_lsp.comments import find_request

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from figures import Most, Row, Times, comparison, markdown, percentile, replace_section
from latency_schemas import NOUNS, Design, draw_design, draw_edit, plural, questions
from latency_session import SIZES, Episode, describe, record_session

HEADER = "-- dialect: sqlite\n\n"


@pytest.fixture(scope="module")
def session() -> tuple[Episode, ...]:
    return record_session()


def parsed(design: Design) -> set[str]:
    built = SchemaBuilder().build([SchemaSource("schema.sql", design.ddl)])
    assert not built.problems
    assert built.schema.dialect == "sqlite"
    return {f"{table.name}.{c.name}" for table in built.schema.tables for c in table.columns}


def test_a_session_is_the_same_at_every_run(session: tuple[Episode, ...]) -> None:
    assert record_session() == session
    assert record_session(seed=2) != session


def test_a_session_has_30_schemas_of_1_to_60_tables(session: tuple[Episode, ...]) -> None:
    fresh = {e.schema: len(e.design.tables) for e in session if e.kind == "fresh"}

    assert len(fresh) == 30
    assert sorted(fresh.values()) == sorted(SIZES)
    assert (min(SIZES), max(SIZES)) == (1, 60)


def test_a_session_repeats_edits_revisits_and_gives_up(session: tuple[Episode, ...]) -> None:
    assert {e.kind for e in session} == {"fresh", "repeated", "edited", "revisited"}
    assert any(e.abandoned for e in session)
    assert any(e.typed_on for e in session)
    assert 0 < sum(e.asked_already for e in session) < len(session) / 2
    assert "30 schemas of 1 to 60 tables" in describe(session)


def test_a_repeated_question_was_asked_before_on_the_same_schema(
    session: tuple[Episode, ...],
) -> None:
    for number, episode in enumerate(session):
        before = [(e.design, e.question) for e in session[:number]]
        was_asked = (episode.design, episode.question) in before
        assert was_asked is (episode.kind == "repeated")


def test_an_edited_schema_differs_from_the_one_before(session: tuple[Episode, ...]) -> None:
    edits = [(a, b) for a, b in itertools.pairwise(session) if b.kind == "edited"]

    assert edits
    for before, after in edits:
        assert before.schema == after.schema
        assert parsed(before.design) != parsed(after.design)


def test_every_pause_is_one_where_the_language_server_asks(session: tuple[Episode, ...]) -> None:
    for episode in session:
        for pause in episode.pauses:
            typed = episode.question[: pause.typed]
            request = find_request(f"{HEADER}-- {typed}", len(f"{HEADER}-- {typed}"), "sqlite")
            assert request is not None
            assert request.question == typed
        text = f"{HEADER}-- {episode.question}\n"
        whole = find_request(text, len(text), "sqlite")
        assert whole is not None
        assert whole.question == episode.question


def test_every_key_has_its_time(session: tuple[Episode, ...]) -> None:
    for episode in session:
        assert len(episode.gaps) == len(episode.question)
        assert [p.typed for p in episode.pauses] == sorted({p.typed for p in episode.pauses})


def test_a_drawn_schema_is_read_whole() -> None:
    design = draw_design(60, Random(5))

    names = {name.partition(".")[0] for name in parsed(design)}

    assert names == {table.name for table in design.tables}
    assert len(names) == 60


def test_every_kind_of_edit_leaves_a_schema_that_is_read() -> None:
    rng = Random(6)
    design = draw_design(3, rng)
    for _ in range(40):
        edited = draw_edit(design, rng)
        assert parsed(edited) != parsed(design)
        design = edited


def test_questions_on_a_schema_are_all_different() -> None:
    asked = list(itertools.islice(questions(draw_design(1, Random(7)), Random(7)), 200))

    assert len(set(asked)) == 200


def test_plurals_are_names_of_different_tables() -> None:
    assert len({plural(noun) for noun in NOUNS}) == len(NOUNS)
    assert [plural(n) for n in ("city", "dish", "order", "day")] == [
        "cities",
        "dishes",
        "orders",
        "days",
    ]


def test_percentiles_are_by_nearest_rank() -> None:
    values = [float(v) for v in range(1, 21)]

    assert percentile(values, 50) == 10
    assert percentile(values, 95) == 19
    assert percentile([3.0], 95) == 3


def test_a_ratio_is_judged_against_each_other_side() -> None:
    samples = {"Squill": [10.0, 12.0, 11.0], "one": [30.0, 30.0, 40.0], "two": [20.0, 20.0, 20.0]}
    row = Row("warm query", "ms", samples, Times(2.5))

    assert row.ratio("one") == pytest.approx(30 / 11)
    assert row.verdicts(["one", "two"]) == [True, False]


def test_a_ratio_is_taken_at_the_percentile_of_its_goal() -> None:
    samples = {"Squill": [1.0] * 9 + [10.0], "server": [5.0] * 9 + [15.0]}

    assert Row("16 clients", "ms", samples, Times(2)).verdicts(["server"]) == [True]
    assert Row("16 clients", "ms", samples, Times(2, percent=95)).verdicts(["server"]) == [False]


def test_a_limit_holds_for_the_worst_sample() -> None:
    assert Row("tokens", "", {"Squill": [0.0, 1.0]}, Most(1)).verdicts([]) == [True]
    assert Row("tokens", "", {"Squill": [0.0, 2.0]}, Most(1)).verdicts([]) == [False]


def test_a_table_says_what_is_missing() -> None:
    rows = [
        Row("warm query", "ms", {"Squill": [20.0], "server": [80.0]}, Times(2.5)),
        Row("tokens made after a cancel", "", {"Squill": [0.0, 1.0]}, Most(1)),
    ]

    table = markdown(comparison(rows, ["Squill", "server"])).splitlines()

    assert [cell.strip() for cell in table[2].split("|")[1:-1]] == [
        *("warm query, ms", "20", "80", "1/4", "≤ 1/2.5", "yes")
    ]
    assert [cell.strip() for cell in table[3].split("|")[1:-1]] == [
        *("tokens made after a cancel", "0 / 1", "-", "", "≤ 1", "yes")
    ]


def test_a_section_of_a_page_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin: latency -->\nold\n<!-- end: latency -->\nafter\n")

    replace_section(page, "latency", "new\n")

    assert page.read_text() == (
        "before\n<!-- begin: latency -->\nnew\n<!-- end: latency -->\nafter\n"
    )
    with pytest.raises(ValueError, match="no section"):
        replace_section(page, "startup", "new")
