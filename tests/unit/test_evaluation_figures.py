"""Verdicts, the figures over them, and the page that shows them."""

from __future__ import annotations

import sqlite3
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from squill_trainer.commands.eval import describe
from squill_trainer.evaluation.databases import Databases
from squill_trainer.evaluation.figures import figures, interval, percentile
from squill_trainer.evaluation.predictions import Prediction, Run
from squill_trainer.evaluation.questions import Question
from squill_trainer.evaluation.report import page
from squill_trainer.evaluation.verdicts import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN = tomllib.loads(Path(__file__).with_name("known_verdicts.toml").read_text(encoding="utf-8"))
SCHEMA = KNOWN["database"].split("INSERT")[0]
RUN = Run("a <model>", "0" * 64, None, True, "1", "cpu")


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    path = tmp_path_factory.mktemp("known") / "shop.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(KNOWN["database"])
    connection.close()
    with Databases(path) as opened:
        yield opened


def verdict(databases: Databases, gold: str, sql: str | None, number: int = 1) -> Verdict:
    question = Question(str(number), "shop", SCHEMA, "which & <why>?", gold)
    said = None if sql else "Nothing fits."
    return judge(question, Prediction(question.id, "", sql, said, 10.0 * number, 9, 4), databases)


@pytest.mark.parametrize("case", KNOWN["case"], ids=lambda case: case["about"])
def test_known_verdicts_are_given(databases: Databases, case: dict[str, object]) -> None:
    assert verdict(databases, case["gold"], case["predicted"]).executed is case["same"]


def test_an_answer_that_is_missing_is_wrong(databases: Databases) -> None:
    found = verdict(databases, "SELECT name FROM shop", None)
    assert (found.answered, found.exact, found.executed, found.kinds) == (
        *(False, False, False),
        ("not answered",),
    )


def test_a_right_answer_of_another_form_has_no_error(databases: Databases) -> None:
    found = verdict(databases, "SELECT name FROM shop", "SELECT DISTINCT name FROM shop")
    assert (found.exact, found.executed, found.right, found.kinds) == (False, True, True, ())


def test_a_gold_query_that_fails_is_left_out_and_said(databases: Databases) -> None:
    found = verdict(databases, "SELECT missing FROM shop", "SELECT name FROM shop")
    assert found.executed is None
    assert "no such column" in found.left_out


def test_without_a_database_the_form_decides() -> None:
    found = verdict(Databases(None), "SELECT name FROM shop", "select NAME from shop")
    assert (found.executed, found.left_out, found.right) == (None, "", True)


def test_the_interval_is_wilsons() -> None:
    found = interval(8, 10)  # 0.490 to 0.943 in Newcombe's tables
    assert (round(found["low"], 3), round(found["high"], 3)) == (0.490, 0.943)
    assert interval(0, 5)["low"] == 0.0
    assert interval(5, 5)["high"] == 1.0


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([1.0], 95, 1.0), ([3, 1, 2], 50, 2), (range(1, 101), 95, 95)],
)
def test_percentiles_are_by_nearest_rank(values, percent: float, expected: float) -> None:
    assert percentile(list(values), percent) == expected


@pytest.fixture
def verdicts(databases: Databases) -> list[Verdict]:
    pairs = [
        ("SELECT name FROM shop", "SELECT name FROM shop"),
        ("SELECT name FROM shop", "SELECT town FROM shop"),
        ("SELECT town, COUNT(*) FROM shop GROUP BY town", None),
        ("SELECT missing FROM shop", "SELECT name FROM shop WHERE town = '<b>'"),
    ]
    return [verdict(databases, *pair, number) for number, pair in enumerate(pairs, start=1)]


def test_figures_count_by_class_and_leave_out_what_cannot_be_compared(
    verdicts: list[Verdict],
) -> None:
    found = figures(RUN, verdicts)
    assert found["overall"]["execution"]["of"] == 3
    assert found["overall"]["execution"]["count"] == 1
    assert found["overall"]["answered"]["count"] == 3
    assert found["classes"]["group"]["questions"] == 1
    assert "join" not in found["classes"]
    assert found["milliseconds"] == {"p50": 20.0, "p95": 40.0, "most": 40.0}
    assert found["errors"]["wrong column"] == {"any": 2, "alone": 1}
    assert list(found["left_out"].values()) == [1]


def test_figures_are_told(verdicts: list[Verdict]) -> None:
    told = describe(figures(RUN, verdicts))
    assert "execution 33.3 % 50.0 % 0.0 %" in " ".join(told.split())
    assert "left out      1: the gold query does not do" in told


class Balance(HTMLParser):
    """Fails on a tag that is not closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not any(name in ("src", "href") for name, _ in attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(verdicts: list[Verdict]) -> None:
    text = page("a <title>", figures(RUN, verdicts), verdicts)
    balance = Balance()
    balance.feed(text)
    assert balance.open == []
    assert balance.seen >= {"svg", "table", "details"}
    assert balance.seen.isdisjoint({"script", "link", "b", "why", "model"})
    assert "which &amp; &lt;why&gt;?" in text
